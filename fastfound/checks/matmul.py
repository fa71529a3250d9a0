"Chapter 1: matrix products, and the shape that shapes broadcast to."
# mypy: ignore-errors
import re
import torch
from torch.overrides import TorchFunctionMode
from .spec import FORBIDDEN, check, made, randn

SIZES = [(1,1,1), (1,2,1), (2,1,2), (2,2,2), (1,3,2), (2,3,1), (2,3,4), (4,3,2), (1,1,5), (5,1,1), (1,7,1), (3,3,3), (6,5,4), (7,4,5)]

def matrices():
    "Matrices that can be multiplied: whole numbers first, of all kinds of sizes, none of them among these"
    yield torch.tensor([[1.,2.]], dtype=torch.float64),torch.tensor([[3.],[5.]], dtype=torch.float64)
    yield torch.tensor([[1.,2.],[3.,4.]], dtype=torch.float64),torch.tensor([[5.,6.],[7.,8.]], dtype=torch.float64)
    for i,(n,k,m) in enumerate(SIZES): yield randn(n,k, seed=2*i),randn(k,m, seed=2*i+1)
    for n,k,m in SIZES[:8]: yield randn(n,k, seed=n, dtype=torch.float32),randn(k,m, seed=m, dtype=torch.float32)
    for n,k,m in SIZES[3:9]: yield (randn(n,k, seed=n)*9).long(),(randn(k,m, seed=m)*9).long()
    yield randn(3,2, seed=1).t(),randn(4,3, seed=2).t()  # not contiguous
    yield randn(4,6, seed=1)[:,::2],randn(3,5, seed=2)
    for n,k,m in ((0,3,2), (3,2,0)): yield randn(n,k),randn(k,m)

def product(a, b):
    "The product in float64, as numbers of the dtype of `a`"
    return (a.double().unsqueeze(2)*b.double().unsqueeze(0)).sum(1).to(a.dtype)

def swapped(f, fits):
    "The mistake of two indices that are swapped: an error unless the sizes fit by chance"
    def wrong(a, b):
        if not fits(*a.shape, b.shape[1]): raise IndexError('index is out of bounds')
        return f(a, b)
    return wrong

def added(a, b): return (a.double().sum(1)[:,None]+b.double().sum(0)).to(a.dtype)

MISTAKES = {
    'this multiplies element by element; each number of a product is a whole row of `a` times a whole column of `b`, added up':
        lambda a, b: a*b,
    'each number is overwritten, not added to: only the last of the multiplications is left, so write `+=`':
        lambda a, b: a[:,-1:]*b[-1:],
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

def cell_by_cell(f):
    def wrong(a, b):
        c = a.new_zeros(len(a), b.shape[1])
        for i in range(len(a)):
            for j in range(b.shape[1]): c[i,j] = f(a, b, i, j)
        return c
    return wrong

def careful(f):
    def wrong(a, b):
        assert a.shape[1]==len(b)
        return f(a, b)
    return wrong

def row_by_row(f):
    def wrong(a, b):
        c = a.new_zeros(len(a), b.shape[1])
        for i in range(len(a)): c[i] = f(a[i], b, i)
        return c
    return wrong

OF_LOOPS = {
    'the first of the inner indices is left out: the loop over them begins at 0': lambda a, b: product(a[:,1:], b[1:]),
    'this subtracts the products; add them up': lambda a, b: -product(a, b)}
OF_DOT = {
    'this takes a row of `b`; the number in column `j` comes from a column of it, `b[:,j]`':
        cell_by_cell(lambda a, b, i, j: (a[i]*b[j]).sum()),
    'there is no sum: `a[i]*b[:,j]` has `k` numbers, and only their sum fits into `c[i,j]`': cell_by_cell(lambda a, b, i, j: a[i]*b[:,j]),
    'the row meets all of `b`; for one number it is one column, `b[:,j]`': cell_by_cell(lambda a, b, i, j: (a[i]*b).sum()),
    'all rows of `a` meet the column; for one number it is one row, `a[i]`': cell_by_cell(lambda a, b, i, j: (a*b[:,j]).sum())}
OF_BCAST = {
    'there is no sum: the products have the shape (k,m), and `c[i]` has room for m numbers': row_by_row(lambda row, b, i: row[:,None]*b),
    'the sum goes along the rows of `b`; add up each of its columns, `sum(0)`': row_by_row(lambda row, b, i: (row[:,None]*b).sum(1)),
    'this adds up everything; each column has a sum of its own, `sum(0)`': row_by_row(lambda row, b, i: (row[:,None]*b).sum()),
    'the row of `a` meets each *row* of `b`; make a column of it, `a[i,:,None]`': row_by_row(lambda row, b, i: (row*b).sum(0)),
    'this takes a column of `a`, and as a row; `a[i,:,None]` is row `i` as a column':
        lambda a, b: row_by_row(lambda row, b, i: (a[None,:,i]*b).sum(0))(a, b)}

REFUSED,NOT_REFUSED,RETURNED = 'refused','a product of what does not fit','an exception, which is returned'

def with_misfits():
    "Matrices, and pairs of them whose inner sizes differ"
    yield from matrices()
    for shapes in (((2,3), (1,2)), ((2,1), (3,2)), ((2,3), (2,3)), ((1,3), (4,1)), ((4,2), (3,4))):
        yield tuple(randn(*o, seed=sum(o)) for o in shapes)

def fit(a, b): return a.ndim==b.ndim==2 and a.shape[1]==len(b) and a.dtype==b.dtype

LARGE = 16,16  # of two such matrices it is counted how often PyTorch is called
STEPS = 'a row of the result at a time','a number of the result at a time','a multiplication at a time'

def and_large():
    "The same, and large ones"
    yield from with_misfits()
    yield randn(*LARGE, seed=1),randn(*LARGE, seed=2)

class Counted(TorchFunctionMode):
    "Counts the calls of PyTorch's functions"
    calls = 0
    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))

def in_steps(step, calls):
    "`use` and `want` of a check: the product, and of large matrices whether it comes in `STEPS[step]`, with fewer `calls` of PyTorch"
    def use(f, a, b):
        if a.shape!=LARGE: return use_operands(f, a, b)
        with Counted() as count: got = f(a, b)
        return {'the product': got, 'the steps': STEPS[step+(count.calls>=calls)]}
    def want(a, b, step=step):
        return {'the product': product(a, b), 'the steps': STEPS[step]} if a.shape==LARGE else product_or_refused(a, b)
    return use,want

def smaller_steps(want, step, f):
    "The mistake of `f`, which gives the right product in smaller steps"
    def told(a, b): return want(a, b, step+1) if a.shape==LARGE else want(a, b)
    told.wrong = careful(f)
    return told

def use_operands(f, a, b):
    if fit(a, b): return f(a, b)
    try: got = f(a, b)
    except Exception: return REFUSED
    return got if got is None else RETURNED if isinstance(got, Exception) else NOT_REFUSED

def product_or_refused(a, b): return product(a, b) if fit(a, b) else REFUSED

def stretching(a, b):
    "A product that stretches an inner size of 1"
    if a.shape[1]!=b.shape[0] and 1 not in (a.shape[1], b.shape[0]): raise RuntimeError('sizes differ')
    return product(*((a, b) if a.shape[1]==b.shape[0] else (a.expand(-1, len(b)), b) if a.shape[1]==1 else (a, b.expand(a.shape[1], -1))))

def if_they_fit(f):
    "The mistake `f`, which may refuse what does not fit, or not, and may take matrices without rows or columns, or not"
    def told(a, b):
        if not fit(a, b) or a.shape==LARGE: return ...
        return f(a, b) if a.numel() and b.numel() or f is product else ...
    told.wrong = f
    return told

def returned(a, b): return RETURNED if not fit(a, b) else ... if a.shape==LARGE else product(a, b)

NOT_CAREFUL = {
    'where inner sizes differ an exception comes back, like any other result: `raise` it': returned,
    'inner sizes that differ are not refused, but stretched or cut without a word: compare them first, with an `assert`':
        if_they_fit(product)}

ALL = ('matmul_loops', 'matmul_dot', 'matmul_bcast', 'matmul_einsum', 'matmul')
OTHERS = [o for o in FORBIDDEN['products'] if o!='einsum']
# three loops add up by themselves
WITHOUT = ('products', 'numpy alone', 'sums'), ('products', 'numpy alone'), ('products', 'numpy'), (*OTHERS, 'numpy alone')
HINTS = (
    ('The result has `n` rows and `m` columns. Which of the three sizes does each loop run over, and what does the innermost one add '
     'up?',
     'Begin with zeros, `a.new_zeros(n, m)`. For each row `i`, each column `j` and each `l` of the inner size, add to `c[i,j]` the '
     'number of `a` in row `i` and column `l`, times that of `b` in row `l` and column `j`'),
    ('Two loops stay: over the rows of `a` and the columns of `b`. How do you write a whole row, and how a whole column?',
     '`a[i]` is a row and `b[:,j]` a column, both of length `k`. Their product is elementwise; its `sum()` is the number at `c[i,j]`'),
    ('One loop stays, over the rows of `a`. Row `i` has the shape (k,) and `b` has (k,m): aligned at the right, do they fit, and what '
     'must the row become?',
     'Make the row a column, `a[i,:,None]` of shape (k,1). Times `b` it is stretched to (k,m), and what is summed is the axis of size '
     'k, the first; that gives the row `c[i]`'),
    ('Name the axes of both operands with a letter each. Which letter is in both, and which are left in the result?',
     'The axes of `a` are i and k, those of `b` are k and j, and the result has i and j: write the operands with a comma between them, '
     'an arrow, and the result, as the first argument of `torch.einsum`'))
DOT,BCAST = in_steps(1, 2*LARGE[0]**3),in_steps(0, LARGE[0]**2)
SMALLER_STEPS = {
    'matmul_dot': {'there are three loops; the innermost one becomes a row times a column, and the sum of the products':
        smaller_steps(DOT[1], 1, cell_by_cell(lambda a, b, i, j: sum(a[i,l]*b[l,j] for l in range(len(b)))))},
    'matmul_bcast': {'each element is computed on its own; multiply one row of `a` by all of `b` at a time':
        smaller_steps(BCAST[1], 0, cell_by_cell(lambda a, b, i, j: (a[i]*b[:,j]).sum()))}}
for name,without,hints,more,(use,want) in zip(ALL, WITHOUT, HINTS, (OF_LOOPS, OF_DOT, OF_BCAST, {}),
                                              ((use_operands, product_or_refused), DOT, BCAST, (use_operands, product_or_refused))):
    check(name, '01', and_large if name in SMALLER_STEPS else with_misfits, use=use, names=('a', 'b'), without=without, same=ALL[:3],
          hints=hints, near=1e-6, needs=('einsum',)*(name=='matmul_einsum'), mistakes=SMALLER_STEPS.get(name, {}) | NOT_CAREFUL |
          {k: if_they_fit(f) for k,f in (more | MISTAKES).items()})(want)

SHAPES = '''2|2  3|1  1|3  2,3|3  3|2,3  2|3  2,3|2  |2  2,1|1,3  2,1|3  2,3|2,1  4,3|4  2,3|3,2  2||1  1|2|2  2|1|3  3|2,1|4,1,1  5,1,3|4,1
    |  2,3|  1,1|1  0|1  1|0  0|0  0|2  2,0|1,1|3,1,1  2|3|1  3|3|3|2  8,1,6,1|7,1,5
    2,1,4|3,1  2|0  2,3|0,1  256,256,3|3  256,256,3|256  1|1|1|1'''

def shapes():
    "Shapes that broadcast, and such as do not: of different lengths, of ones and of zeros, up to four"
    for line in SHAPES.split(): yield tuple(tuple(int(n) for n in o.split(',') if n) for o in line.split('|'))

A_VALUE_ERROR = 'a ValueError'
UNNAMED = {A_VALUE_ERROR+' that does not name the two shapes': lambda text, a, b: all(re.search(numbers_of(o), text) for o in (a,b)),
           A_VALUE_ERROR+' that does not name the dimension': lambda text, a, b: re.search(r'first|last', text) or
           {int(o) for o in re.findall(r'-?\d+', rest_of(text, a, b))} & at_fault(a, b)}

def numbers_of(shape): return r'(?<!\d)' + r'\D{1,3}'.join(map(str, shape)) + r'(?!\d)'

def rest_of(text, *shapes):
    for o in sorted(shapes, key=len, reverse=True): text = re.sub(numbers_of(o), '', text, count=1)
    return text
def clashing(a, b):
    "The dimensions in which two shapes clash, counted from the right"
    return [i for i,(n,m) in enumerate(zip(a[::-1], b[::-1]), 1) if n!=m and 1 not in (n,m)]
def at_fault(a, b):
    "How a dimension in which two shapes clash may be numbered: from the right or the left, from 0 or 1"
    return {o for i in clashing(a, b) for n in {len(a),len(b)} for o in (-i, i, i-1, n-i, n-i+1)}

def use_shapes(f, *shapes):
    "The shape and its kind, or what is to be said of the error"
    try: got = f(*shapes)
    except ValueError as e:
        if len(shapes)!=2 or not clashing(*shapes): return told_shape(A_VALUE_ERROR)
        return told_shape(next((k for k,named in UNNAMED.items() if not named(str(e), *shapes)), A_VALUE_ERROR))
    return told_shape(got)

def told_shape(o):
    return {'the shape': o} | ({'its kind': f'a {type(o).__name__}'.replace('Size', 'tuple')} if isinstance(o, (tuple, list)) else {})

def misshaped(f):
    "The mistake of `f`, whose errors name two shapes and the dimension"
    def wrong(*shapes):
        try: return f(*shapes)
        except ValueError: raise ValueError(f'{shapes}: {[-o for o in clashing(*shapes[:2])]}') from None
    return made(use_shapes, wrong)

def common(shapes, size, left=False):
    "The shape whose sizes `size` makes of those of each dimension, aligned at the right; a shorter shape is filled up with ones"
    longest = max(map(len, shapes))
    ones = [(1,)*(longest-len(o)) for o in shapes]
    return tuple(size(o) for o in zip(*(o+one if left else one+o for o,one in zip(shapes, ones))))

def refused(f, *shapes):
    "What `f` gives, or that they are refused where they must be"
    return f(*shapes) if 'its kind' in shape_of(*shapes) else A_VALUE_ERROR

def one_size(sizes):
    others = set(sizes)-{1}
    if len(others)>1: raise ValueError
    return others.pop() if others else 1

def each(shapes, size):
    "The shape whose sizes `size` makes of those that are there in each dimension, without ones for the missing"
    n = max(map(len, shapes))
    return tuple(size([o[d] for o in shapes if len(o)>=-d]) for d in range(-n, 0))

def alone(sizes):
    if len(set(sizes))>1: raise ValueError
    return sizes[0]
def as_first(sizes):
    if not set(sizes)<={1,sizes[0]}: raise ValueError
    return sizes[0]
def zero_for_one(sizes):
    n = next((o for o in sizes if o!=1), 1)
    if not set(sizes)<={0,n}: raise ValueError
    return n
def never(sizes): raise ValueError

def other_error(*shapes):
    try: return common(shapes, one_size)
    except ValueError: raise RuntimeError from None

def without_shapes(*shapes):
    try: return common(shapes, one_size)
    except ValueError: raise ValueError("the shapes don't fit") from None
def without_dimension(*shapes):
    try: return common(shapes, one_size)
    except ValueError: raise ValueError(f"can't broadcast {shapes[0]} with {shapes[1]}") from None

@check('broadcast_shape', '01', shapes, use=use_shapes, names=('first', 'second', 'third', 'fourth'),
       without=('broadcasting', 'numpy'), same=('broadcast_shape', '_Broadcast', 'explain_broadcast'), hints=(
    'Write two shapes below each other, aligned at the right, and go from there to the left. What are the sizes that meet in a place, '
    'and what if one of the shapes is at its end?',
    'For d from -1 down to minus the length of the longest shape, collect `o[d]` of those shapes that have as many sizes. All that are '
    'not 1 must be equal, or it is a `ValueError`; the result has that size there, or 1 if all are 1. Put each new size in *front* of '
    'the others'), mistakes={
    'the shapes are aligned at their first dimension; broadcasting aligns them at the last, so begin at the right':
        misshaped(lambda *shapes: common(shapes, one_size, left=True)),
    'the larger size is taken whatever the other one is; two sizes fit only if they are equal or one of them is 1, and all else is '
    'a `ValueError`': misshaped(lambda *shapes: common(shapes, max)),
    'a 1 is stretched to the size that it meets, and that may be 0; the larger of the two is wrong there':
        misshaped(lambda *shapes: refused(lambda *shapes: common(shapes, max), *shapes)),
    'the sizes come in reverse order; you collect them from the right, so put each new one in front':
        misshaped(lambda *shapes: common(shapes, one_size)[::-1]),
    'the dimensions that only the longer shape has are missing; for the shorter one they count as 1':
        misshaped(lambda *shapes: common([o[len(o)-min(map(len, shapes)):] for o in shapes], one_size)),
    'only the first two shapes are looked at; there may be any number of them':
        misshaped(lambda *shapes: common(shapes[:2], one_size)),
    'a size of 1 is refused where it meets another one; it is what broadcasting stretches':
        misshaped(lambda *shapes: each(shapes, alone)),
    'a 1 in the first shape stays, and what it meets is refused; any of the sizes may be the 1 that is stretched':
        misshaped(lambda *shapes: each(shapes, as_first)),
    'shapes that fit are refused: two sizes fit if they are equal, or one of them is 1':
        misshaped(lambda *shapes: each(shapes, never)),
    'the result is always empty: the loop goes over no dimension. From the right it counts down, `range(-1, -1-n, -1)` for n of them':
        misshaped(lambda *shapes: ()),
    'the last dimension is left out; the first index from the right is -1':
        misshaped(lambda *shapes: common([o[:-1] for o in shapes], one_size)),
    'every call raises a `ValueError`, even for two numbers, whose shapes have no size that could clash':
        misshaped(lambda *shapes: A_VALUE_ERROR),
    'each shape is compared as a whole, as if it were a single size; go through its sizes':
        misshaped(lambda *shapes: (shapes[0],) if len(set(shapes))==1 else A_VALUE_ERROR),
    'every second dimension is left out: the loop counts down by 1':
        misshaped(lambda *shapes: common([o[::-1][::2][::-1] for o in shapes], one_size)),
    'a 0 is stretched here, and a 1 is not: it is the 1 that fits any size': misshaped(lambda *shapes: each(shapes, zero_for_one)),
    'the first dimension of the longest shape is left out: the loop ends one too early':
        misshaped(lambda *shapes: common(shapes, one_size)[1:]),
    'the smaller of the two sizes is taken; a 1 is stretched to the other': misshaped(lambda *shapes: refused(lambda *shapes:
        common(shapes, min), *shapes)),
    'what does not fit is noticed, but what is raised is no `ValueError`; callers wait for that one, so raise it yourself':
        misshaped(other_error),
    'the result is a list; the docstring asks for a tuple': misshaped(lambda *shapes: [*common(shapes, one_size)]),
    'the message of the error does not name the two shapes': made(use_shapes, without_shapes),
    'the message of the error names the shapes, and not the dimension at fault': made(use_shapes, without_dimension)})
def shape_of(*shapes):
    "PyTorch's answer, for tensors of these shapes that take no memory"
    try: return told_shape(tuple(torch.broadcast_tensors(*(torch.empty(o, device='meta') for o in shapes))[0].shape))
    except RuntimeError: return told_shape(A_VALUE_ERROR)
