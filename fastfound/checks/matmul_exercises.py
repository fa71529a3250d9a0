"Exercises of chapter 1: the largest product, rows normalised, shapes that fit, two more products, distances, biases as weights."
# mypy: ignore-errors
import torch
from torch.overrides import TorchFunctionMode
from .facts import RIGHT, as_number, as_tensor, but, first_of, one_and_value, to_first_wrong, value_or
from .matmul import ALL, MISTAKES, product_or_refused, product, stretching, use_operands, with_misfits
from .spec import check, exercise, made, randn

# 1. the largest of ten products

def use_best(answer):
    t1,best = answer
    n,row = as_number(best),t1[0].tolist()
    place = row.index(max(row))
    return {'the neuron': first_of([(RIGHT, n==place), ('of all examples', n==t1.argmax().item()), ('the smallest', n==row.index(min(row))),
        ('the largest in size', n==t1[0].abs().argmax().item()), ('counted from 1', n==place+1), ('a product', abs(n-max(row))<1e-3),
        ('an example', n==t1[:,0].argmax().item())], 'another one')}

NEURON = {'the neuron': RIGHT}

@exercise('01.1', use=use_best, facts=True, mistakes={
    'this is the place of the largest of *all* products, counted through all rows; take the first row alone':
        but(NEURON, the_neuron='of all examples'),
    'this is the neuron with the smallest product': but(NEURON, the_neuron='the smallest'),
    'the sign counts: the largest is not the one furthest from 0': but(NEURON, the_neuron='the largest in size'),
    'neurons are counted from 0': but(NEURON, the_neuron='counted from 1'),
    'this is the largest product itself; the question is which neuron has it, so take its place': but(NEURON, the_neuron='a product'),
    'this is an example, the one on which the first neuron has its largest product: a row of `t1` belongs to an example, a column to '
    'a neuron': but(NEURON, the_neuron='an example')})
def best_neuron(): return NEURON

# 2. rows normalised

UNEVEN = torch.tensor([[1.,2,6],[10,30,80]], dtype=torch.float64)

def normalised(dim=1, correction=1, minus=True, by=lambda o, **kw: o.std(**kw)):
    def told():
        x = UNEVEN-UNEVEN.mean(dim, keepdim=True) if minus else UNEVEN
        return x/by(UNEVEN, dim=dim, correction=correction, keepdim=True)
    return told

@exercise('01.2', use=lambda o: o if (t := as_tensor(o)) is None else t.double(), near=1e-5, mistakes={
    'these are columns of mean 0; the axis that goes is that of the columns, 1': normalised(0),
    'this divides by the root of the mean square, with n; `std` divides by n-1': normalised(correction=0),
    'this divides by the variance; take its root, the standard deviation': normalised(by=lambda o, **kw: o.var(**kw)),
    'the means are not subtracted': normalised(minus=False),
    'the means are subtracted, but nothing is divided by the standard deviation':
        lambda: UNEVEN-UNEVEN.mean(1, keepdim=True),
    'the mean and the standard deviation are those of all six numbers; each row has its own': normalised((0,1))})
def row_normal(): return torch.stack([(o-o.sum()/3)/((o-o.sum()/3).square().sum()/2).sqrt() for o in UNEVEN])

# 3. shapes that fit

PAIRS = {'(3,1,5) and (4,1)': '(3, 4, 5)', '(2,3) and (3,2)': 'None', '(7,) and (7,1)': '(7, 7)', '() and (2,2)': '(2, 2)'}

def use_fitting(answers):
    if not isinstance(answers, (list, tuple)) or len(answers)!=4: return {'the list': 'not one of four'}
    def told(o): return str(tuple(o)) if isinstance(o, (list, tuple)) else str(o)
    return to_first_wrong(dict(zip(PAIRS, map(told, answers))), PAIRS)

@exercise('01.3', use=use_fitting, facts=True, mistakes={
    'the list has a shape, or `None`, for each of the four pairs': lambda: {'the list': 'not one of four'},
    'write them below each other, aligned at the right: 1 meets 4, and is stretched to it':
        but(PAIRS, **{'(3,1,5) and (4,1)': 'None'}),
    'a missing size is stretched, so the result has as many sizes as the longer shape': but(PAIRS, **{'(3,1,5) and (4,1)': '(4, 5)'}),
    'in 2 and 3 neither is 1, so nothing can be stretched': but(PAIRS, **{'(2,3) and (3,2)': '(2, 3)'}),
    'in 3 and 2 neither is 1: the larger one does not win': but(PAIRS, **{'(2,3) and (3,2)': '(3, 3)'}),
    'this would be the matrix product; broadcasting pairs up each size with the one below it': but(PAIRS, **{'(2,3) and (3,2)': '(2, 2)'}),
    'a missing size, on the left of `(7,)`, is stretched to 7, and the 1 to 7': but(PAIRS, **{'(7,) and (7,1)': '(7, 1)'}),
    'both are stretched; they fit, since 7 stands above 1 and nothing above 7': but(PAIRS, **{'(7,) and (7,1)': 'None'}),
    'a vector is a row for broadcasting, so it meets the 1 of the column, and both are stretched': but(PAIRS, **{'(7,) and (7,1)': '(7,)'}),
    'a number, of shape `()`, fits any shape: all its sizes are missing, and missing ones are stretched':
        but(PAIRS, **{'() and (2,2)': 'None'})})
def fitting(): return PAIRS

# 4. and 5. products that refuse what does not fit

def never(a, b):
    if a.shape[1]==b.shape[0]: raise RuntimeError('sizes differ')
    return product(a, b)

def careful(f):
    def wrong(a, b):
        if a.shape[1]!=b.shape[0]: raise ValueError('inner sizes differ')
        return f(a, b)
    return wrong

PRODUCTS = {k: careful(v) for k,v in MISTAKES.items()} | {
    'inner sizes that differ are not refused: a size of 1 is stretched, without a word; compare them first, as the others do': stretching,
    'inner sizes that are equal are refused, and others are not: turn the condition round': never}

check('01.4', '01', with_misfits, use=use_operands, names=('a', 'b'), without=('products', 'numpy'), same=ALL,
      mistakes={k: made(use_operands, v) for k,v in PRODUCTS.items()})(product_or_refused)

GIB,use_gib = one_and_value(with_misfits, 'gib', {
    RIGHT: 4, 'without bytes': 1, 'in bytes': 2**32, 'of the result': 2**-8, 'of ten': 4.294967296, 'of 8': 8, 'in MiB': 4096})
WITHOUT_LOOP = {f'`gib` {text}': name for name,text in {
    'without bytes': 'counts numbers; each takes four bytes in float32', 'in bytes': 'is in bytes; a GiB has 2³⁰ of them',
    'of the result': 'is that of the result; before the sum there are 1,024 products for each of its numbers',
    'of ten': 'is in GB, billions of bytes; a GiB has 2³⁰', 'of 8': 'counts eight bytes a number; a float32 has four',
    'in MiB': 'is in MiB; a GiB has 1,024 of them'}.items()}

CUBES = {
    'each row of `a` meets the rows of `b`, which are its axis `l`; the axes of the products are `i`, `l` and `j`, so make `a` (n,k,1)':
        careful(lambda a, b: (a[:,None]*b).sum(2)),
    'the sum goes over the wrong axis; the one that goes is `l`, the inner one, which both have':
        careful(lambda a, b: (a[:,:,None]*b).sum(2)),
    'the sum goes over `i`, the rows of `a`; the one that goes is `l`, the inner one, which both have':
        careful(lambda a, b: (a[:,:,None]*b).sum(0))}

check('01.5', '01', GIB, use=use_gib(use_operands), names=lambda *args: ('a', 'b')*(len(args)==2), without=('products', 'numpy'), same=ALL,
      mistakes={text: value_or(product_or_refused, 'gib', name) for text,name in WITHOUT_LOOP.items()} |
               {k: value_or(made(use_operands, v), 'gib') for k,v in (PRODUCTS | CUBES).items()})(value_or(product_or_refused, 'gib'))

# 6. squared distances

class _NoThreeAxes(TorchFunctionMode):
    "Inside, a new tensor with three axes raises"
    def __torch_function__(self, func, types, args=(), kwargs=None):
        got = func(*args, **(kwargs or {}))
        if isinstance(got, torch.Tensor) and got.ndim>2: raise ValueError('a tensor with three axes is made')
        return got

def vectors_of_two():
    def some(n, m, k, seed=0, dtype=torch.float64): return randn(n,k, seed=2*seed, dtype=dtype),randn(m,k, seed=2*seed+1, dtype=dtype)
    yield torch.tensor([[3.]], dtype=torch.float64),torch.tensor([[5.]], dtype=torch.float64)
    yield torch.tensor([[0.,0.]], dtype=torch.float64),torch.tensor([[3.,4.],[1.,0.]], dtype=torch.float64)
    sizes = (2,2,1),(1,3,2),(3,1,2),(2,3,4),(4,2,3),(3,3,3),(6,5,4),(0,2,3),(2,0,3),(5,7,28)
    for i,o in enumerate(sizes): yield some(*o, seed=i)
    yield some(4,3,5, seed=20, dtype=torch.float32)
    u,_ = some(4,4,3, seed=21)
    yield u,u

def use_distances(f, u, v):
    with _NoThreeAxes(): return f(u, v)

def squares(root=False, mean=False, sign=-2, first=True, second=True, turn=False, dim=1):
    def wrong(u, v):
        d = sign*(u@v.t())
        if first: d = d+(u*u).sum(1)[:,None]
        if second: d = d+(v*v).sum(1)
        d = d.clamp_min(0).sqrt() if root else d/u.shape[1] if mean else d
        return d.t() if turn else d
    return made(use_distances, wrong)

check('01.6', '01', vectors_of_two, use=use_distances, near=1e-6, names=('u', 'v'),
      without=('cdist', 'pdist', 'pairwise_distance'), mistakes={
    'a tensor with three axes is made; multiply out the square, and one of its terms is a matrix product':
        made(use_distances, lambda u, v: (u[:,None]-v).square().sum(2)),
    'these are the distances; without the root they are squared': squares(root=True),
    'these are means of squared differences; a squared distance is their sum': squares(mean=True),
    'the product in the middle is to be subtracted twice: (u-v)² = u² - 2uv + v²': squares(sign=-1),
    'the product in the middle is to be subtracted, not added: (u-v)² = u² - 2uv + v²': squares(sign=2),
    'these are the products alone; add the sums of squares of both': squares(first=False, second=False),
    'the squares of `u` are missing': squares(first=False),
    'the squares of `v` are missing': squares(second=False),
    'the result is transposed: there is a row for each row of `u`': squares(turn=True)})(
    lambda u, v: torch.stack([torch.stack([(a-b).square().sum() for b in v.double()]) if len(v) else u.new_zeros(0).double()
                              for a in u.double()]).to(u.dtype) if len(u) else u.new_zeros(0, len(v)))

# 7. biases as weights

def use_biased(answer):
    m1,m2,biases,x1,w1 = map(as_tensor, answer)
    want = {'the kind of both': RIGHT, 'the shape of x1': RIGHT, 'the shape of w1': RIGHT, 'the ones': RIGHT, 'the product': RIGHT}
    if x1 is None or w1 is None: return {'the kind of both': 'no tensors'}
    (n,k),m = m1.shape,m2.shape[1]
    def shape(o, right, **cases):
        return first_of([(RIGHT, o.shape==right), *((k.replace('_', ' '), o.shape==v) for k,v in cases.items())], 'another shape')
    facts = {'the kind of both': RIGHT, 'the shape of x1': shape(x1, (n,k+1), a_row_more=(n+1,k), as_before=(n,k)),
             'the shape of w1': shape(w1, (k+1,m), a_column_more=(k,m+1), as_before=(k,m))}
    if all(o==RIGHT for o in facts.values()):
        x,w = x1.double(),w1.double()
        facts['the ones'] = first_of([(RIGHT, (x==1).all(0).any().item()), ('zeros', (x==0).all(0).any().item() and not x[:,-1].any())])
        right = m1.double()@m2.double()+biases.double()
        facts['the product'] = first_of([(RIGHT, torch.allclose(x@w, right, rtol=1e-4, atol=1e-3)),
            ('other ends', torch.allclose(x.roll(1, 1)@w, right, atol=1e-3) or torch.allclose(x.roll(-1, 1)@w, right, atol=1e-3)),
            ('no biases', torch.allclose(x@w, m1.double()@m2.double(), atol=1e-3))])
    return to_first_wrong(facts, {k: want[k] for k in facts})

BIASED = dict.fromkeys(('the kind of both', 'the shape of x1', 'the shape of w1', 'the ones', 'the product'), RIGHT)

@exercise('01.7', use=use_biased, facts=True, mistakes={
    'the ones are a row below the examples; each example gets one more *input*, so they are a column':
        but(BIASED, the_shape_of_x1='a row more'),
    '`x1` lacks the ones': but(BIASED, the_shape_of_x1='as before'),
    'the biases are a column beside the weights; each neuron gets one more *weight*, and its weights are a column, so the biases are a row':
        but(BIASED, the_shape_of_w1='a column more'),
    '`w1` lacks the biases': but(BIASED, the_shape_of_w1='as before'),
    'the new input of each example is 0, which takes the biases away; it is 1': but(BIASED, the_ones='zeros'),
    'the ones and the biases do not meet: if the ones are the first column, the biases are the first row, and if the last, the last':
        but(BIASED, the_product='other ends'),
    'the biases do not count in the product': but(BIASED, the_product='no biases')})
def biased(): return BIASED
