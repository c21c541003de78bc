"""scikit-learn's MLPs with their own defaults, on the rows that `npm run bench -- defaults` has written.

    /usr/bin/python3 bench/scikit_learn.py

Needs Debian's python3-sklearn. Features are standardised by their mean and deviation on the training rows, and so are
numbers to predict; splits are those of the project. Median and spread of the seeds.
"""

import pathlib
import statistics
import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

warnings.filterwarnings("ignore")
folder = pathlib.Path("out/bench/defaults")


def rows(file):
    parts = [line.split(";") for line in file.read_text().splitlines()]
    number = lambda part: [float(x) for x in part.split(",")]
    return np.array([number(x) for x, _ in parts]), np.array([number(y) for _, y in parts])


def score(training, seed):
    features, labels = rows(training)
    tested, expected = rows(training.with_name(training.name.replace("-training", "-test")))
    scaler = StandardScaler().fit(features)
    if labels.shape[1] == 1:
        target = StandardScaler().fit(labels)
        model = MLPRegressor(random_state=seed).fit(scaler.transform(features), target.transform(labels).ravel())
        return model.score(scaler.transform(tested), target.transform(expected).ravel())
    model = MLPClassifier(random_state=seed).fit(scaler.transform(features), labels.argmax(1))
    return model.score(scaler.transform(tested), expected.argmax(1))


names = sorted({file.name.rsplit("-", 2)[0] for file in folder.glob("*-training.csv")})
for name in names:
    found = []
    for file in sorted(folder.glob(f"{name}-[0-9]-training.csv")):
        found.append(score(file, int(file.name.split("-")[-2])))
    print(f"{name:16}{statistics.median(found):.4f} ({min(found):.4f}–{max(found):.4f})")
