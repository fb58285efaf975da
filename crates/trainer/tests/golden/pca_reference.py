"""Principal components by NumPy's SVD, for src/export/pca.rs.

    python -m venv /tmp/golden && /tmp/golden/bin/pip install numpy
    /tmp/golden/bin/python tests/golden/pca_reference.py > tests/golden/pca.json

Forty embeddings of norm 1 with nine numbers, four kept. A direction's largest number is positive.
"""

import json
import sys

import numpy as np

COMPONENTS = 4


def main():
    rng = np.random.default_rng(20190601)
    rows = rng.normal(size=(40, 9)) * np.linspace(2.0, 0.2, 9) + rng.normal(size=9)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    mean = rows.mean(axis=0)
    _, singular, directions = np.linalg.svd(rows - mean, full_matrices=False)
    basis = directions[:COMPONENTS]
    basis *= np.sign(basis[np.arange(COMPONENTS), np.abs(basis).argmax(axis=1)])[:, None]
    json.dump(
        {
            "rows": rows.tolist(),
            "components": COMPONENTS,
            "mean": mean.tolist(),
            "basis": basis.tolist(),
            "explained": float((singular[:COMPONENTS] ** 2).sum() / (singular**2).sum()),
            "projected": ((rows - mean) @ basis.T).tolist(),
        },
        sys.stdout,
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
