//! Nearest neighbours over blocks of vectors in time order
