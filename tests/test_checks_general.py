"Mistakes told in any exercise: each sentence where it is true, and none where it would mislead."
import copy, math
import pytest, torch
from fastfound.checks.general import RAISED, in_general, raised, where_only

pytestmark = pytest.mark.not_numerical

def randn(*shape): return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64)

WANTED = [randn(1,1), randn(2,3), randn(3,2), randn(3,3), randn(4,5)]

def told(f, wanted=WANTED): return in_general([(f(copy.deepcopy(w)), w) for w in wanted])

def but(d, i, new=lambda o: o+1):
    "The result with the `i`-th row or column changed, counted from 0 or from the end"
    def f(w):
        w = w.clone()
        w.movedim(d, 0)[i] = new(w.movedim(d, 0)[i])
        return w
    return f

def first_right(w): return torch.cat([w[:1], w[1:]+1])

@pytest.mark.parametrize('f,part', [
    (lambda w: None, 'nothing comes back'), (lambda w: w.t(), 'transposed'), (lambda w: w[None], 'an axis too many'),
    (lambda w: w.sum(0), 'too few axes'), (lambda w: w.expand(2, *w.shape), 'too many axes'), (lambda w: -w, 'every sign is wrong'),
    (lambda w: 3*w, 'every number is 3 times'), (lambda w: w/255, 'every number is 0.00392157 times'),
    (lambda w: w+2, 'every number is off by 2'),
    (lambda w: w.abs(), 'the signs of some'), (lambda w: 1/w, 'reciprocals'), (lambda w: w*w, 'squares'), (lambda w: 0*w, 'is 0'),
    (lambda w: w*math.nan, 'a nan'), (lambda w: w/0, 'an inf'), (lambda w: w.float(), 'but not their dtype: a new tensor'),
    (lambda w: w.mean().expand_as(w), 'all numbers of a result are the same'), (lambda w: w.flip(0).flip(1), 'in another order'),
    (but(-2, -1), 'only the last row'), (but(-2, 0), 'only the first row of each result is wrong'), (but(-1, -1), 'only the last column'),
    (but(-1, 0), 'only the first column of each result is wrong'), (first_right, 'only the first row of each result is right')])
def test_each_sentence_for_a_function_that_makes_it(f, part): assert part in told(f), told(f)

def test_roots_and_parts_of_a_dict():
    assert 'roots' in told(lambda w: w.sqrt(), [o.abs() for o in WANTED])
    assert told(lambda w: {'w.g': None}, [{'w.g': o} for o in WANTED])=='`w.g` is not set'
    assert 'off by 2' in told(lambda w: {'a': w['a'], 'b': w['b']+2}, [{'a': o, 'b': o} for o in WANTED])

# a sentence, a function to which it does not apply, and what was wanted: what it says would send a reader the wrong way
SPREAD = [torch.tensor([0.,1.,1.,0.]), torch.tensor([1.,0.,0.,0.])]
@pytest.mark.parametrize('part,f,wanted', [
    ('end with', lambda w: None if len(w)==3 else w+1, WANTED), ('nothing', lambda w: None if len(w)==3 else w+1, WANTED),
    ('transposed', lambda w: w.t() if len(w)<4 else w*2, WANTED),
    ('every', lambda w: w*len(w), WANTED), ('every', lambda w: w+w.mean(), WANTED), ('sign', lambda w: w.abs()+1, WANTED),
    ('nan', lambda w: w+1 if len(w)<4 else w*math.nan, WANTED), ('inf', lambda w: w+1 if len(w)<4 else w/0, WANTED),
    ('only the last', but(-2, -1), WANTED[:2]), ('only the first', but(-1, 0), [randn(2) for _ in range(5)]),  # by chance
    ('only', lambda w: w+(len(w)==3), WANTED), ('another order', lambda w: 1-w, [SPREAD[0]]),
    ('another order', lambda w: w.flip(0), SPREAD),
    ('another order', lambda w: WANTED[(w.numel()+1)%2], WANTED[:2]), ('are the same', lambda w: torch.ones_like(w), [torch.zeros(3)]),
    ('is 0', lambda w: torch.where(w>0, w, 0*w), WANTED), ('dtype', lambda w: (w+1).float(), WANTED),
    ('default', lambda w: w.half(), [w.half().double() for w in WANTED]),
    ('is not set', lambda w: {'g': w['g'] if len(w['g'])<4 else None}, [{'g': o} for o in WANTED]),
    ('times', lambda w: w.new_zeros(w.shape), WANTED), ('times', lambda w: w/2, [torch.tensor([0.,0.,0.,2.])]),
    ('times', lambda w: w/2, [torch.full((4,), 2.)]), ('off by', lambda w: w+1, [torch.full((4,), 2.)]),
    ('times', lambda w: torch.where(w==w.max(), math.nan, 2*w) if len(w)==3 else 2*w, WANTED),
    ('dtype', lambda w: {'out': w['out'].float(), 'g': None if len(w['g'])>3 else w['g']}, [{'out': o, 'g': o} for o in WANTED]),
    ('dtype', lambda w: {'out': w['out'].float(), 'g': 'text'}, [{'out': o, 'g': o} for o in WANTED]),
    ('dtype', lambda w: {'out': w['out'].float()}, [{'out': o, 'g': o} for o in WANTED]),
    ('only the', lambda w: (but(-1, 0)(w[0]), w[1]) if len(w[0])<3 else (but(-1, 0)(w[0]), 'x'), [(o, o) for o in WANTED])])
def test_no_sentence_where_it_would_mislead(part, f, wanted): assert part not in told(f, wanted), told(f, wanted)

def test_what_holds_for_some_inputs_only_says_so():
    assert told(lambda w: w if len(w)<3 else 2*w)=='where it is wrong, every number is 2 times what it should be'
    assert in_general([(torch.tensor([1.2,2.4,3.6]), torch.tensor([1.,2.,3.]))], near=0.01).startswith('every number is about 1.2 times')

def error(f):
    try: f()
    except Exception as e: return e

def without_end(): return without_end()
def unset(): return value  # noqa: F821

class Forgotten(torch.nn.Module):
    def __init__(self): self.layer = torch.nn.Linear(1, 1)

class Unset:
    def _modules_of(self): return self._modules

class NeverSetUp(torch.nn.Module):
    def __init__(self): self.p = 1

@pytest.mark.parametrize('f,part', [
    (without_end, 'calls itself'), (unset, 'a name is used'), (lambda: None+1, '`None`'), (lambda: [].shape, 'no such attribute'),
    (lambda: None.shape, '`None`'), (Forgotten, 'super().__init__()'), (Unset()._modules_of, 'inherit from'),
    (lambda: NeverSetUp().train(), 'super().__init__()'), (lambda: [*NeverSetUp().parameters()], 'super().__init__()'),
    (lambda: NeverSetUp()._parts, 'no such attribute'), (lambda: (lambda: 3)()(4), 'brackets'),
    (lambda: max(torch.ones(2), torch.zeros(2)), '`torch.maximum`'), (lambda: {}['a'], 'a key'), (lambda: [1][1], 'goes past the end'),
    (lambda: torch.zeros(2)[2], 'goes past the end'), (lambda: torch.zeros(2)[0,0], 'more indices than axes'),
    (lambda: 1/0, 'divided by 0'),
    (lambda: torch.zeros(2).sum(1), 'an axis is named'), (lambda: torch.zeros(2)+torch.zeros(3), 'two shapes do not fit'),
    (lambda: torch.zeros(2,3)@torch.zeros(2,3), 'shapes of a product'), (lambda: torch.zeros(2,3).t().view(6), 'use `reshape`'),
    (lambda: torch.zeros(6).view(4,2), 'do not fill'),
    (lambda: torch.zeros(2, requires_grad=True).add_(1), 'no_grad'), (lambda: int('a'), '')])
def test_what_leads_to_an_error(f, part):
    said = raised(error(f))
    assert part in said if part else not said, (said, error(f))

def test_an_error_in_use_of_autograd():
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    out = y.sum()
    with torch.no_grad(): y.add_(1)
    assert 'needs as it was' in raised(error(out.backward))

def test_each_kind_of_error_is_tried():
    "No sentence stands behind one that hides it"
    assert len({text for *_,text in RAISED})==len(RAISED)

# where a function is wrong: whether the answer is right, for each input, and what is told

def where(rows, names=('x','n'), own=('x','n'), changed=()): return where_only(rows, names, own, changed)

T = torch.ones(2)
@pytest.mark.parametrize('rows,part', [
    ([((T,1),True)]*3+[((torch.ones(0),1),False)], 'a tensor is empty'), ([((T,1),True)]*3+[((torch.ones(2,1),1),False)], 'the size 1'),
    ([((T.double(),1),True)]*3+[((T.long(),1),False)], 'are integers'), ([((T.double(),1),True)]*3+[((T,1),False)], 'float32'),
    ([((-T,1),True)]*3+[((T,1),False)], 'negative'), ([((T,1),True)]*3+[((T*math.inf,1),False)], 'inf or nan'),
    ([((T,1),True)]*3+[((T.clone().requires_grad_(),1),False)], 'a gradient'),
    ([((T,1),True)]*3+[((T,2),False)], 'where `n` is 2'),
    ([((T,),True)]*3+[((T,2),False), ((T,3),False)], 'wherever `n` is given'),
    ([((T,0),True)]*3+[((T,2),False), ((T,3),False)], 'right only where `n` is 0')])
def test_where_it_is_wrong(rows, part): assert part in where(rows), where(rows)

@pytest.mark.parametrize('rows', [
    [((T,1),True)]*2+[((T,2),False)],  # too few to tell
    [((T,1),True)]*3+[((T,2),False), ((T,1),False)], [((T,1),False)]*4, [((T,1),True)]*4,
    [((T,n),True) for n in (1,2,4)]+[((T,n),False) for n in (3,5)]])  # two of many by chance
def test_where_it_is_wrong_cannot_be_told(rows): assert where(rows)==''

@pytest.mark.parametrize('rows', [
    [((T,1),True)]*3+[((T.double(),2),False)], [((T,1),True)]*3+[((T.clone().requires_grad_(),2),False)],
    [((T,1),True)]*3+[((torch.ones(5),2),False)], [((T,1),True)]*3+[((torch.ones(2,2),2),False)],
    [((-T,1),True)]*3+[((T,2),False)], [((torch.ones(3,3),1),True)]*3+[((torch.ones(3,3)[:,::2][:,:2],2),False)],
    [((torch.ones(3,2),1),True)]*3+[((torch.ones(2,3).t(),2),False)],
    [((T,{'eps': 1, 'n': 2}),True)]*3+[((T,{'eps': 0.5, 'n': 3}),False)],
    [((-T,1),True)]*3+[((torch.ones(2).long(),1),False)], [((T,n),True) for n in (3,4,5)]+[((T,7),False)]])
def test_where_something_else_may_be_the_reason_nothing_is_told(rows): assert where(rows)==''

def test_a_default_is_asked_about_where_it_has_been_changed():
    rows = [((T,1),True)]*3+[((T,),False)]
    assert where(rows)=='' and '`n` is left out: is its default' in where(rows, changed=('n',))
    rows = [((T,{'n': 1}),True)]*3+[((T,{}),False)]
    assert where(rows, ('x',))=='' and '`n` is left out' in where(rows, ('x',), changed=('n',))
    assert where(rows[:2]+[((T,{}),True)]+rows[2:], ('x',), changed=('m',))==''

def test_settings_in_a_dict_are_named():
    rows = [((T,{'eps': 1, 'n': 2}),True)]*3+[((T,{'eps': 0.5, 'n': 2}),False)]
    assert where(rows, ('x',)).startswith('it is right but where `eps` is 0.5')

def test_of_two_reasons_none_is_told_and_nothing_is_asked_of_what_a_reader_has_not():
    two = [(('a',1),True)]*3+[(('b',2),False)]
    assert where(two, ('x','n'))==''
    names = [((T,'right'),True)]*3+[((T,'this'),False), ((T,'that'),False)]
    assert where(names, ('x','what'), ('x',))=='' and 'is it used' in where(names, ('x','what'), ('x','what'))
