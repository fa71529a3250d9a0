"""Wrong arguments of public names: each call ends, and nearly all that fail say what they got and wanted.

`python tests/bad_calls.py` lists those that do not.
"""
from collections import Counter
import pytest
import bad_calls
from bad_calls import GOOD, LEFT_OUT, NAMES, outcome

pytestmark = pytest.mark.not_numerical

@pytest.fixture(autouse=True)
def without_a_window(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where names of files are written that should be none
    bad_calls.plt.switch_backend('agg')

def test_each_public_name_is_in_the_table():
    "With a good call, or with the reason why it has none"
    assert [o for o in NAMES if o not in GOOD and o not in LEFT_OUT]==[] and set(LEFT_OUT)<=set(NAMES) and not set(LEFT_OUT)&set(GOOD)
    assert [k for k in GOOD if k.split('.')[0].split(',')[0] not in (*NAMES, 'engine')]==[]

@pytest.mark.parametrize('room', dict.fromkeys(map(bad_calls.room, GOOD)))
def test_errors_of_a_room_are_clear(room):
    "Of the calls that fail and those that don't, at most 3 % with an error that does not say what was got and what was wanted; none hangs"
    found = [(name, what, o, error) for name in GOOD if bad_calls.room(name)==room for what,o,error in bad_calls.bad_calls(name)]
    count = Counter(o for *_,o,_ in found)
    assert found and not count['hang'] and count['unclear']<=0.03*len(found), [o for o in found if o[2] in ('unclear','hang')]

@pytest.mark.parametrize('name', bad_calls.TWINS)
def test_nothing_is_taken_that_pytorch_refuses(name): assert list(bad_calls.wrongly_accepted(name))==[]

def raising(error):
    def f(x): raise error
    return f

@pytest.mark.parametrize('f, want', [
    (lambda x: x, 'accepted'), (raising(TypeError('f: got 3, wanted a tensor')), 'clear'), (lambda x: x.shape, 'unclear'),
    (lambda x: x(), 'unclear'), (raising(KeyError('got 3, wanted a tensor')), 'unclear'),
    (raising(TypeError("f(): argument 'x' must be Tensor, not int")), 'clear'),
    (raising(FileNotFoundError(2, 'No such file', 'a')), 'clear'), (lambda x: [x for _ in iter(int, 1)], 'hang')])
def test_outcomes(f, want): assert outcome(f, [3], {}, seconds=0.2)[0]==want

def test_each_name_has_at_least_ten_bad_calls():
    for name,make in GOOD.items():
        _,args,kw = make()
        assert sum(len(bad_calls.bad_values(o)) for o in (*args, *kw.values()))>=10 or name=='explore_backprop', name
