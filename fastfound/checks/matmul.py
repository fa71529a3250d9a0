"Chapter 1: matrix products."
import torch
from .spec import check, randn

SIZES = [(1,1,1), (1,2,1), (2,1,2), (2,2,2), (1,3,2), (2,3,1), (2,3,4), (4,3,2), (1,1,5), (5,1,1), (1,7,1), (3,3,3), (6,5,4), (0,3,2),
         (3,0,2), (3,2,0), (1,0,1), (7,4,5)]

def matrices():
    "Matrices that can be multiplied: whole numbers first, of all kinds of sizes, none of them among these"
    yield torch.tensor([[1.,2.]], dtype=torch.float64),torch.tensor([[3.],[5.]], dtype=torch.float64)
    yield torch.tensor([[1.,2.],[3.,4.]], dtype=torch.float64),torch.tensor([[5.,6.],[7.,8.]], dtype=torch.float64)
    for i,(n,k,m) in enumerate(SIZES): yield randn(n,k, seed=2*i),randn(k,m, seed=2*i+1)
    for n,k,m in SIZES[:8]: yield randn(n,k, seed=n, dtype=torch.float32),randn(k,m, seed=m, dtype=torch.float32)
    for n,k,m in SIZES[3:9]: yield (randn(n,k, seed=n)*9).long(),(randn(k,m, seed=m)*9).long()
    yield randn(3,2, seed=1).t(),randn(4,3, seed=2).t()  # not contiguous
    yield randn(4,6, seed=1)[:,::2],randn(3,5, seed=2)

def product(a, b):
    "The product in float64, as numbers of the dtype of `a`"
    return (a.double().unsqueeze(2)*b.double().unsqueeze(0)).sum(1).to(a.dtype)

MISTAKES = {
    'this multiplies element by element; each number of a product is a whole row of `a` times a whole column of `b`, added up':
        lambda a, b: a*b,
    'each number is overwritten, not added to: only the last of the multiplications is left, so write `+=`':
        lambda a, b: a[:,-1:]*b[-1:],
    'this is the product of the transposed matrices in the other order: the rows belong to `a` and the columns to `b`':
        lambda a, b: product(a, b).t(),
    'this is `b` times `a`; the order of the factors matters': lambda a, b: product(b, a),
    'the last of the inner indices is left out: the loop over them ends one too early':
        lambda a, b: product(a[:,:-1], b[:-1]),
    'this multiplies rows of `a` with rows of `b`; take a column of `b`, `b[:,j]`': lambda a, b: product(a, b.t()),
    'this is the mean of the products; a matrix product is their sum': lambda a, b: product(a, b)/a.shape[1]}

ALL = ('matmul_loops', 'matmul_dot', 'matmul_bcast', 'matmul_einsum', 'matmul')
for name,without in zip(ALL, [('products', 'numpy')]*3 + [('numpy',), ()]):
    check(name, '01', matrices, mistakes=MISTAKES, without=without, same=ALL[:3] if name!='matmul' else ('matmul',))(product)
