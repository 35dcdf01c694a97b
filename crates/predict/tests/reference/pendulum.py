"""Makes pendulum.json: a pendulum and a predator-prey system as scipy's solve_ivp sees them.

    python -m venv v && v/bin/pip install numpy scipy
    v/bin/python pendulum.py > pendulum.json
"""

import json

import numpy as np
import scipy
from scipy.integrate import solve_ivp

CASES = {
    "pendulum": (lambda t, y: [y[1], -9.81 * np.sin(y[0])], [2.5, 0.0], [0.0, 10.0]),
    "backwards": (lambda t, y: [y[1], -9.81 * np.sin(y[0])], [0.3, -1.0], [4.0, -2.0]),
    "prey": (lambda t, y: [1.1 * y[0] - 0.4 * y[0] * y[1], 0.1 * y[0] * y[1] - 0.4 * y[1]],
             [10.0, 5.0], [0.0, 30.0]),
}

cases = []
for name, (f, y0, span) in CASES.items():
    times = np.linspace(*span, 23)
    rough = solve_ivp(f, span, y0, method="RK45", rtol=1e-6, atol=1e-9, dense_output=True)
    exact = solve_ivp(f, span, y0, method="DOP853", rtol=1e-12, atol=1e-13, dense_output=True)
    cases.append({"name": name, "start": y0, "span": span, "times": times.tolist(),
                  "steps": len(rough.t) - 1, "rk45": rough.sol(times).T.tolist(),
                  "exact": exact.sol(times).T.tolist()})
print(json.dumps({"made_with": {"scipy": scipy.__version__}, "cases": cases}))
