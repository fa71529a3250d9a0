"Chapter 1: matrix products, and the shape that shapes broadcast to."
# mypy: ignore-errors
import torch
from .spec import check, made, randn

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
    yield randn(2,3, seed=3).requires_grad_(),randn(3,2, seed=4).requires_grad_()

def product(a, b):
    "The product in float64, as numbers of the dtype of `a`"
    return (a.double().unsqueeze(2)*b.double().unsqueeze(0)).sum(1).to(a.dtype)

def swapped(f, fits):
    "The mistake of two indices that are swapped: an error unless the sizes fit by chance, or there is nothing to multiply"
    def wrong(a, b):
        n,k,m = *a.shape,b.shape[1]
        if not n*k*m: return product(a, b)
        if not fits(n, k, m): raise IndexError('index is out of bounds')
        return f(a, b)
    return wrong

def added(a, b): return (a.double().sum(1)[:,None]+b.double().sum(0)).to(a.dtype)

MISTAKES = {
    'this multiplies element by element; each number of a product is a whole row of `a` times a whole column of `b`, added up':
        lambda a, b: a*b,
    'each number is overwritten, not added to: only the last of the multiplications is left, so write `+=`':
        lambda a, b: a[:,-1:]*b[-1:] if a.shape[1] else product(a, b),
    'the numbers are right, but the result has the default dtype, float32; make it with that of `a`: `a.new_zeros(n, m)`':
        lambda a, b: product(a, b).float(),
    'one number is left over for the whole matrix: sum over the inner index only': lambda a, b: product(a, b).sum(),
    'these are the sums of whole rows times whole columns; multiply a row and a column number by number, and add up then':
        lambda a, b: (a.double().sum(1)[:,None]*b.double().sum(0)).to(a.dtype),
    'this is the product of the transposed matrices in the other order: the rows belong to `a` and the columns to `b`':
        lambda a, b: product(a, b).t(),
    'the indices of the result are swapped; the row comes first, `c[i,j]`': swapped(lambda a, b: product(a, b).t(), lambda n, k, m: n==m),
    'the indices of `a` are swapped; its row is that of the result, `a[i,l]`':
        swapped(lambda a, b: product(a.t(), b), lambda n, k, m: n==k),
    'this adds the pairs of numbers; multiply them, and add up the products': added,
    'this is `b` times `a`; the order of the factors matters': lambda a, b: product(b, a),
    'the last of the inner indices is left out: the loop over them ends one too early':
        lambda a, b: product(a[:,:-1], b[:-1]),
    'this multiplies rows of `a` with rows of `b`; take a column of `b`, `b[:,j]`':
        swapped(lambda a, b: product(a, b.t()), lambda n, k, m: k==m),
    'this is the mean of the products; a matrix product is their sum': lambda a, b: product(a, b)/a.shape[1]}

ALL = ('matmul_loops', 'matmul_dot', 'matmul_bcast', 'matmul_einsum', 'matmul')
WITHOUT = ('products', 'numpy', 'sums'), ('products', 'numpy'), ('products', 'numpy'), ('numpy',), ()  # three loops add up by themselves
for name,without in zip(ALL, WITHOUT):
    check(name, '01', matrices, mistakes=MISTAKES, without=without, same=ALL[:3] if name!='matmul' else ('matmul',))(product)

SHAPES = '''2|2  3|1  1|3  2,3|3  3|2,3  2|3  2,3|2  |2  2,1|1,3  2,1|3  2,3|2,1  4,3|4  2,3|3,2  2||1  1|2|2  2|1|3  3|2,1|4,1,1  5,1,3|4,1
    |  2,3|  1,1|1  0|1  1|0  0|0  0|2  2,0|1,1|3,1,1  2|3|1  3|3|3|2  8,1,6,1|7,1,5
    2,1,4|3,1  2|0  2,3|0,1  256,256,3|3  256,256,3|256  1|1|1|1'''

def shapes():
    "Shapes that broadcast, and such as do not: of different lengths, of ones and of zeros, up to four"
    for line in SHAPES.split(): yield tuple(tuple(int(n) for n in o.split(',') if n) for o in line.split('|'))

REFUSED = 'a ValueError'

def use_shapes(f, *shapes):
    try: return f(*shapes)
    except ValueError: return REFUSED

def common(shapes, size, left=False):
    "The shape whose sizes `size` makes of those of each dimension, aligned at the right; a shorter shape is filled up with ones"
    longest = max(map(len, shapes))
    ones = [(1,)*(longest-len(o)) for o in shapes]
    return tuple(size(o) for o in zip(*(o+one if left else one+o for o,one in zip(shapes, ones))))

def refused(f, *shapes):
    "What `f` gives, or that they are refused where they must be"
    return REFUSED if shape_of(*shapes)==REFUSED else f(*shapes)

def one_size(sizes):
    others = set(sizes)-{1}
    if len(others)>1: raise ValueError
    return others.pop() if others else 1

def other_error(*shapes):
    try: return common(shapes, one_size)
    except ValueError: raise RuntimeError from None

@check('broadcast_shape', '01', shapes, use=use_shapes, names=('first', 'second', 'third', 'fourth'),
       without=('broadcasting', 'numpy'), same=('broadcast_shape', '_Broadcast', 'explain_broadcast'), mistakes={
    'the shapes are aligned at their first dimension; broadcasting aligns them at the last, so begin at the right':
        made(use_shapes, lambda *shapes: common(shapes, one_size, left=True)),
    'the larger size is taken whatever the other one is; two sizes fit only if they are equal or one of them is 1, and all else is '
    'a `ValueError`': made(use_shapes, lambda *shapes: common(shapes, max)),
    'a 1 is stretched to the size that it meets, and that may be 0; the larger of the two is wrong there':
        made(use_shapes, lambda *shapes: refused(lambda *shapes: common(shapes, max), *shapes)),
    'the sizes come in reverse order; you collect them from the right, so put each new one in front':
        made(use_shapes, lambda *shapes: common(shapes, one_size)[::-1]),
    'the dimensions that only the longer shape has are missing; for the shorter one they count as 1':
        made(use_shapes, lambda *shapes: common([o[len(o)-min(map(len, shapes)):] for o in shapes], one_size)),
    'only the first two shapes are looked at; there may be any number of them':
        made(use_shapes, lambda *shapes: common(shapes[:2], one_size)),
    'a size of 1 is refused where it meets another one; it is what broadcasting stretches':
        made(use_shapes, lambda *shapes: REFUSED if any(len(set(o))>1 for o in zip(*(s[::-1] for s in shapes))) else common(shapes,
            one_size)),
    'what does not fit is noticed, but what is raised is no `ValueError`; callers wait for that one, so raise it yourself':
        made(use_shapes, other_error)})
def shape_of(*shapes):
    "PyTorch's answer, for tensors of these shapes that take no memory"
    try: return tuple(torch.broadcast_tensors(*(torch.empty(o, device='meta') for o in shapes))[0].shape)
    except RuntimeError: return REFUSED
