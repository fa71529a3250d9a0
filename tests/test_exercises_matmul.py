"Exercises of chapter 1: other right answers pass, and wrong ones do not."
import pytest, torch
from torch import tensor
from fastfound.checking import verdict

torch.manual_seed(1)
t1 = torch.randn(5,10)
t1[0],t1[3,4],t1[2,0] = tensor([0.,-9,-4,3,7,1,2,-1,5,0.5]),99.,8.
m1,m2,biases = torch.rand(5,28),torch.randn(28,10),torch.randn(10)
x1,w1 = torch.cat([m1, torch.ones(5,1)], 1),torch.cat([m2, biases[None]])
uneven = tensor([[1.,2,6],[10,30,80]])
ROWS = (uneven-uneven.mean(1, keepdim=True))/uneven.std(1, keepdim=True)
SHAPES = [(3,4,5), None, (7,7), (2,2)]

def careful(f):
    def product(a, b):
        if a.shape[1]!=len(b): raise ValueError('inner sizes differ')
        return f(a, b)
    return product

@careful
def columns(a, b):
    c = [(a*b[:,j]).sum(1) for j in range(b.shape[1])]
    return torch.stack(c, 1) if c else a.new_zeros(len(a), 0)
@careful
def columns_by_products(a, b):
    c = a.new_zeros(len(a), b.shape[1])
    for j in range(b.shape[1]):
        for l in range(len(b)): c[:,j] += a[:,l]*b[l,j]
    return c
@careful
def no_loop(a, b): return (a[:,None]*b.t()).sum(2)
@careful
def no_loop_at_once(a, b): return (a.unsqueeze(-1)*b.unsqueeze(0)).sum(-2)
def stretches(a, b): return (a[:,:,None]*b).sum(1)
@careful
def of_rows(a, b): return (a[:,None]*b).sum(2)
@careful
def by_at(a, b): return a@b

def by_matrices(u, v): return u.pow(2).sum(1, keepdim=True) + v.pow(2).sum(1)[None] - 2*u@v.t()
def by_norms(u, v): return (u.norm(dim=1)**2)[:,None] + (v.norm(dim=1)**2)[None] - 2*torch.einsum('ik,jk->ij', u, v)
def by_rows(u, v):
    rows = [(v-o).square().sum(1) for o in u]
    return torch.stack(rows) if rows else u.new_zeros(0, len(v))
def by_cube(u, v): return (u[:,None]-v).square().sum(2)
def minus_once(u, v): return (u*u).sum(1)[:,None] - u@v.t() + (v*v).sum(1)

@pytest.mark.parametrize('number,answer', [
    ('01.1', (t1, 4)), ('01.1', (t1, tensor(4))), ('01.2', ROWS), ('01.2', ROWS.double()), ('01.2', ROWS.tolist()),
    ('01.2', ROWS.numpy()), ('01.3', SHAPES),
    ('01.3', tuple(o if o is None else torch.Size(o) for o in SHAPES)), ('01.4', columns), ('01.4', columns_by_products),
    ('01.5', (no_loop, 4.)), ('01.5', (no_loop_at_once, 4)), ('01.6', by_matrices), ('01.6', by_norms), ('01.6', by_rows),
    ('01.7', (m1, m2, biases, x1, w1)), ('01.7', (m1, m2, biases, x1.roll(1, 1), w1.roll(1, 0))),
    ('01.7', (m1, m2, biases, x1.numpy(), w1.numpy()))])
def test_another_answer_is_right(number, answer):
    v = verdict(number, answer)
    assert v, v.text

@pytest.mark.parametrize('number,answer,mistake', [
    ('01.1', (t1, t1.argmax()), 'of *all* products'), ('01.1', (t1, 1), 'smallest'), ('01.1', (t1, t1[0].max()), 'itself'),
    ('01.1', (t1, 5), 'from 0'), ('01.1', (t1, t1[:,0].argmax()), 'an example'), ('01.1', (t1, t1[0]), ''),
    ('01.2', (uneven-uneven.mean(0))/uneven.std(0), 'columns'), ('01.2', (uneven-uneven.mean())/uneven.std(), 'all six'),
    ('01.2', ROWS*1.5**0.5, 'n-1'), ('01.2', uneven-uneven.mean(1, keepdim=True), 'nothing is divided'), ('01.2', ROWS.t(), ''),
    ('01.3', [(3,4,5), (2,3), (7,7), (2,2)], 'nothing can be stretched'), ('01.3', [None, None, (7,7), (2,2)], '1 meets 4'),
    ('01.3', [(3,4,5), None, (7,1), (2,2)], 'on the left'), ('01.3', [(3,4,5), None, (7,7), None], 'fits any shape'),
    ('01.3', SHAPES[:3], 'four pairs'), ('01.3', [(3,4,5), None, (7,7), (4,)], ''),
    ('01.4', lambda a, b: columns(b, a), ''), ('01.4', lambda a, b: columns(a, b).t(), ''), ('01.4', stretches, 'without a word'),
    ('01.4', careful(lambda a, b: a*b), 'element by element'), ('01.4', by_at, ''),
    ('01.5', (no_loop, 1.), 'four bytes'), ('01.5', (no_loop, 4*1024**3), '2³⁰'), ('01.5', (no_loop, 3), ''),
    ('01.5', (stretches, 4.), 'word'),
    ('01.5', (no_loop, 2**-8), 'before the sum'), ('01.5', (of_rows, 4.), 'meets the rows of `b`'), ('01.5', (by_at, 4.), ''),
    ('01.6', by_cube, 'multiply out'), ('01.6', lambda u, v: by_rows(u, v).sqrt(), 'squared'), ('01.6', minus_once, 'twice'),
    ('01.6', lambda u, v: by_rows(v, u), 'transposed'), ('01.6', lambda u, v: -2*u@v.t(), 'products alone'),
    ('01.7', (m1, m2, biases, torch.cat([m1, torch.ones(1,28)]), w1), 'a row below'), ('01.7', (m1, m2, biases, m1, w1), 'lacks the ones'),
    ('01.7', (m1, m2, biases, x1, m2), 'lacks the biases'), ('01.7', (m1, m2, biases, x1.roll(1, 1), w1), 'do not meet'),
    ('01.7', (m1, m2, biases, torch.cat([m1, torch.zeros(5,1)], 1), w1), 'is 0'), ('01.7', (m1, m2, biases, x1, 2*w1), '')])
def test_a_wrong_answer_is_found(number, answer, mistake):
    v = verdict(number, answer)
    assert v.state=='wrong' and mistake in v.mistake, v.text

def test_what_is_used_is_told():
    for number,answer in (('01.4', by_at), ('01.5', (by_at, 4.))): assert 'it uses matmul' in verdict(number, answer).text
    assert 'it uses cdist' in verdict('01.6', lambda u, v: torch.cdist(u, v)**2).text

@pytest.mark.parametrize('number,answer', [('01.1', (t1, ...)), ('01.2', ...), ('01.3', ...), ('01.5', (no_loop, ...)),
                                           ('01.7', (m1, m2, biases, ..., w1))])
def test_what_is_not_written_is_not_yet(number, answer): assert verdict(number, answer).state=='not yet'
