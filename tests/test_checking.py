"What a verdict says of an answer, of a definition half written, and of a call of `check` that asks for something else."
import math, threading
import numpy as np
import pytest, torch
from fastfound import checking
from fastfound.checking import check, difference, hint, is_empty, todo, verdict
from fastfound.checks.spec import CHECKS, check as new_check, exercise, randn

pytestmark = pytest.mark.not_numerical

def written(text, module='__main__', **space):
    "What the class or function in `text` is with `todo` above it, in a module of that name"
    home = {'__name__': module, 'todo': todo, **space}
    exec(text, home)
    return home[text.split('\n')[1].split()[1].split('(')[0].rstrip(':')]

@pytest.fixture
def new(monkeypatch):
    "Make a check that is gone after the test"
    monkeypatch.setattr(checking, 'CHECKS', CHECKS)
    before = dict(CHECKS)
    yield
    for k in CHECKS.keys()-before.keys(): del CHECKS[k]

# half written

EMPTY = '''@todo
class Value:
    def __init__(self, data, op='', inputs=(), backward_fns=()): ...
    def __add__(a, b): ...
    def __mul__(a, b): ...
    def __pow__(a, n): pass
    def tanh(a): ...
    def __sub__(a, b): ...
    def backward_order(self): ...
    def backward(self): ...'''
HALF = EMPTY.replace('backward_fns=()): ...', 'backward_fns=()): self.data = data')
NEARLY = HALF.replace('b): ...', 'b): return 1').replace('f): ...', 'f): return 1').replace('n): pass', 'n): return 1')

def test_a_class_that_is_begun_stays_the_readers_in_a_notebook_and_the_line_says_what_is_missing(capsys):
    assert written(HALF).__module__=='__main__'
    assert capsys.readouterr().out=='not yet: Value.__add__, Value.__mul__, Value.__pow__ and 4 more\n'
    assert written(NEARLY).__module__=='__main__'
    assert capsys.readouterr().out=='not yet: Value.tanh\n'

def test_a_class_of_which_nothing_is_written_is_the_books(capsys):
    assert written(EMPTY).__module__=='fastfound.value'
    assert capsys.readouterr().out=="not yet: Value, using the book's\n"

@pytest.mark.parametrize('text', [EMPTY, HALF, NEARLY])
def test_in_a_module_that_is_imported_the_books_class_stands_in_without_a_word(text, capsys):
    assert written(text, 'mylib.value').__module__=='fastfound.value'
    assert capsys.readouterr().out==''

def test_the_verdict_on_a_class_says_which_methods_are_still_to_write():
    assert verdict('Value', written(NEARLY)).text=='Value: not yet; still to write: tanh'
    assert verdict('Value', written(HALF)).text=='Value: not yet; still to write: __add__, __mul__, __pow__ and 4 more'
    full = NEARLY.replace('tanh(a): ...', 'tanh(a): return 1')
    assert written(full).__module__=='__main__' and verdict('Value', written(full)).state=='wrong'

# how check and hint are called

@pytest.mark.parametrize('call,kind,part', [
    (lambda: check(torch.ones(2)), TypeError, 'got a tensor, wanted the function or class itself, such as check(matmul_loops)'),
    (lambda: check(None), TypeError, 'got None, wanted'), (lambda: check(True), TypeError, 'got a bool, wanted'),
    (lambda: check('Value'), TypeError, "got 'Value' alone, wanted the definition itself, check(Value)"),
    (lambda: check('06.1'), TypeError, "got '06.1' alone, wanted an answer beside it, check('06.1', answer)"),
    (lambda: check('6.1', 3), LookupError, 'did you mean 06.1?'), (lambda: check('6.1'), LookupError, 'did you mean 06.1?'),
    (lambda: hint('mlp'), LookupError, 'did you mean MLP?'), (lambda: hint('6.1'), LookupError, 'did you mean 06.1?'),
    (lambda: hint(torch.ones(2)), TypeError, 'hint: got a tensor, wanted'), (lambda: check(len, 3), TypeError, 'wanted check(len)'),
    (lambda: check(len), LookupError, "got 'len'"), (lambda: check('what is this', 3), LookupError, 'wanted a function or class')])
def test_a_call_that_asks_for_something_else_is_told_what_came_and_what_is_wanted(call, kind, part):
    with pytest.raises(kind) as e: call()
    assert part in str(e.value) and len(str(e.value))<200, e.value

# what is handed in

@pytest.mark.parametrize('number,answer', [('08.2', (1,2,3)), ('08.2', 1), ('07.4', (3,)), ('07.4', torch.ones(2)), ('01.1', 4)])
def test_another_number_of_things_is_told_what_to_hand_in(number, answer):
    v = verdict(number, answer)
    assert v.state=='wrong' and v.text.startswith(f'{number}: hand in ') and f"check('{number}', (" in v.text and '\n' not in v.text, v.text

def test_an_answer_of_nothing_is_told_what_to_hand_in_and_one_of_the_right_form_is_not():
    assert "`None` came: check('06.2', times_as_long)" in verdict('06.2', None).text
    assert 'hand in' not in verdict('07.4', (1,1)).text+verdict('06.2', 3.).text+verdict('06.2', (3.,4.)).text

def test_an_answer_in_numpy_is_as_right_as_one_in_pytorch_but_what_a_function_gives_is_not(new):
    exercise('99.1')(lambda: torch.tensor([1.,2.], dtype=torch.float64))
    exercise('99.2')(lambda: 2.)
    exercise('99.3')(lambda: {'a': (True, [3])})
    assert verdict('99.1', np.array([1.,2.])) and verdict('99.2', np.float32(2))
    assert verdict('99.3', {'a': (np.bool_(True), [np.int64(3)])}) and not verdict('99.1', np.array([1.,3.]))
    new_check('twice', '99', lambda: iter([(torch.ones(2),)]))(lambda x: 2*x)
    assert verdict('twice', lambda x: 2*x) and 'ndarray, not a tensor' in verdict('twice', lambda x: (2*x).numpy()).text

# how a difference is told

@pytest.mark.parametrize('got,want,told', [
    (False, True, 'should be so, and is not'), (True, False, 'should not be so, and is'),
    ({'k': False}, {'k': True}, 'k: should be so, and is not'), ('a product', 'refused', 'this should have been refused'),
    (3, 'a ValueError', 'this should have been refused'), ('a ValueError', (3,), 'this should not have been refused'),
    ('a ValueError of another kind', 'a ValueError', 'the values differ')])
def test_difference(got, want, told): assert difference(got, want)==told

def one_input(new_check, want, *args, **kw): return new_check('tried', '99', lambda: iter([args]), **kw)(lambda *_: want)

@pytest.mark.parametrize('got,want,line', [
    (0.9999999, 1., '    it wanted 1 and 0.9999999 came'), (1.0000000001, 1.00000001, 'it wanted 1.00000001 and 1 came'),
    (torch.tensor([-1., 0.9999]), torch.tensor([-1., 1.]), 'at [1] it wanted 1 and 0.9999 came'),
    (torch.tensor([[4.00001]]).double(), torch.tensor([[4.]]).double(), 'at [0, 0] it wanted 4 and 4.00001 came'),
    ([torch.ones(1), torch.tensor([3.0001])], (torch.ones(1), torch.tensor([3.])), 'at [1, 0] it wanted 3 and 3.0001 came')])
def test_what_looks_the_same_is_told_in_more_digits(new, got, want, line):
    one_input(new_check, want, 1)
    assert line in verdict('tried', lambda x: got).text, verdict('tried', lambda x: got).text

def test_a_text_from_the_check_heads_the_verdict_where_facts_were_wanted(new):
    def use_batches(f, x): return f(x) and 'a batch is no pair'
    one_input(new_check, {'sizes': [3]}, 1, use=use_batches)
    text = verdict('tried', lambda x: 5).text
    assert text.startswith('tried: not right yet; a batch is no pair, on') and 'sizes' not in text
    assert verdict('tried', lambda x: '').state=='wrong'  # as it is

def test_an_exception_that_comes_back_a_forgotten_breakpoint_and_an_empty_message(new):
    one_input(new_check, 1, 1)
    assert verdict('tried', lambda x: ValueError('x')).text=='tried: not right yet; an exception comes back; `raise` it'
    import bdb
    def stopped(x): raise bdb.BdbQuit
    assert verdict('tried', stopped).text=='tried: not right yet; there is a `breakpoint()` in it'
    def silent(x): raise ValueError
    assert 'it raises ValueError, on the' in verdict('tried', silent).text

def test_what_comes_for_the_input_that_is_shown_counts(new):
    "A `return` within the loop gives nothing for inputs that are empty; the one that is shown is wrong otherwise"
    sizes = (3,4,5,6,0)
    new_check('tried', '99', lambda: ((randn(n, 2, seed=n),) for n in sizes))(lambda x: x.sum(1))
    def early(x):
        for _ in range(len(x)): return -x.sum(1)
    assert 'nothing comes back' not in verdict('tried', early).text
    assert 'for some inputs nothing' in verdict('tried', lambda x: x.sum(1) if len(x)>3 else None).text

# what an exercise is about, and what it does without

def test_a_function_that_is_needed_must_be_used_for_one_input_at_least(new):
    new_check('tried', '99', lambda: iter([(torch.ones(0),), (torch.ones(3),)]), needs=('einsum', 'matmul'))(lambda x: x.sum())
    v = verdict('tried', lambda x: x.sum())
    assert v.state=='wrong' and v.text=='tried: right numbers, but without einsum or matmul, which this exercise is about'
    assert verdict('tried', lambda x: torch.einsum('i->', x) if len(x) else x.sum())
    assert 'without einsum' not in verdict('tried', lambda x: x).text

def in_thread(f):
    def told(*args):
        got = []
        t = threading.Thread(target=lambda: got.append(f(*args)))
        t.start()
        t.join()
        return got[0]
    return told

@pytest.mark.filterwarnings('ignore')
def test_what_is_done_without_is_seen_in_threads_and_in_other_corners_of_pytorch():
    for f,what in ((lambda a, b: torch.sparse.mm(a.to_sparse(), b), '_sparse_mm'), (in_thread(lambda a, b: a@b), 'matmul'),
                   (lambda a, b: torch.smm(a.to_sparse(), b), 'smm')):
        assert f'it uses {what}' in verdict('matmul_loops', f).text, verdict('matmul_loops', f).text
    by_func = lambda output, targ: torch.func.grad(lambda o: ((o-targ)**2).mean())(output)  # noqa: E731
    assert 'it uses torch.func.grad,' in verdict('mse_grad', by_func).text, verdict('mse_grad', by_func).text

# defaults

def test_a_default_is_asked_about_only_where_it_is_another_one_than_in_the_book():
    from fastfound.checks.asked import changed_defaults
    def softmax(x, dim=0): ...
    def same(x, dim=-1): ...
    def needed(x, dim): ...
    assert [changed_defaults(f, 'softmax', 'fastfound.backprop') for f in (softmax, same, needed, len)]==[['dim'], [], ['dim'], []]
    assert changed_defaults(softmax, 'softmax', '')==[]
    v = verdict('log_softmax', lambda x, dim=-1: x-x.max()-(x-x.max()).exp().sum(dim, keepdim=True).log())
    assert 'left out' not in v.text and math.isfinite(v.inputs)
    assert is_empty(softmax)
