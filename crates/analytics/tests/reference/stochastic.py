"""Makes stochastic.json: series and what statsmodels and arch say of them.

    python -m venv v && v/bin/pip install numpy statsmodels arch
    v/bin/python stochastic.py > stochastic.json
"""

import json
import warnings

import arch
import numpy as np
import statsmodels
from arch import arch_model
from arch.unitroot import VarianceRatio
from statsmodels.tsa.stattools import adfuller

warnings.simplefilter("ignore")
rng = np.random.default_rng(20240501)


def ar1(n, b):
    x = np.zeros(n)
    for t in range(1, n):
        x[t] = b * x[t - 1] + rng.standard_normal()
    return x


def bursts(n, omega, alpha, beta):
    y, s2 = np.zeros(n), omega / (1 - alpha - beta)
    for t in range(n):
        y[t] = 0.2 + np.sqrt(s2) * rng.standard_normal()
        s2 = omega + alpha * (y[t] - 0.2) ** 2 + beta * s2
    return y


def short(x):
    return [float(f"{v:.6g}") for v in x]


series = {
    "walk": short(np.cumsum(rng.standard_normal(250))),
    "reverting": short(5 + ar1(250, 0.8)),
    "trending": short(0.05 * np.arange(200) + ar1(200, 0.5)),
    "short": short(ar1(30, 0.9)),
    "fast": short(ar1(300, -0.3)),
}

adf = []
for name, x in series.items():
    for regression in ["n", "c", "ct"]:
        for lags in ["AIC", "BIC", 0, 3]:
            auto = isinstance(lags, str)
            stat, p, used, nobs = adfuller(
                np.array(x),
                maxlag=None if auto else lags,
                regression=regression,
                autolag=lags if auto else None,
            )[:4]
            adf.append([name, regression, lags, stat, p, int(used), int(nobs)])

ratios = []
for name, x in series.items():
    for q in [2, 5, 10]:
        v = VarianceRatio(np.array(x), lags=q)
        ratios.append([name, q, float(v.vr), float(v.stat), float(v.pvalue)])

garch = []
for n, parameters in [(600, (0.1, 0.15, 0.7)), (1500, (0.05, 0.08, 0.9))]:
    y = short(bursts(n, *parameters))
    model = arch_model(np.array(y), mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    fit = model.fit(disp="off", tol=1e-13, options={"maxiter": 1000})
    forecast = float(fit.forecast(horizon=1).variance.iloc[-1, 0])
    garch.append({
        "values": y,
        "fit": [float(v) for v in fit.params],
        "log_likelihood": float(fit.loglikelihood),
        "next_variance": forecast,
    })

made_with = {"statsmodels": statsmodels.__version__, "arch": arch.__version__}
print(json.dumps({
    "made_with": made_with,
    "series": series,
    "adf": adf,
    "variance_ratio": ratios,
    "garch": garch,
}))
