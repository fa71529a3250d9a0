"Page 3b: answers to the exercises that are right in another way pass, and wrong ones are met by the sentence that explains them."
from functools import partial
import pytest
import torch.nn.functional as F
from fastfound import engine
from test_checks import on_page

@pytest.fixture(autouse=True)
def operations_of_a_test_are_gone_after_it():
    yield
    for o in ('softplus', 'cumsum', 'recomputed'):
        if hasattr(engine.Tensor, o): delattr(engine.Tensor, o)

answered = partial(on_page, home={**vars(engine), 'F': F})

def op(text): return '@operations\nclass _Mine:\n' + '\n'.join('    '+o for o in text.splitlines())
SOFTPLUS = 'def softplus(a): return F.softplus(a), lambda g: g*a.sigmoid()'
NORM = 'def layer_norm(t): return (t - t.mean(-1, keepdim=True)) / (t.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()'
PROBE = '''def gradient_at(t, rest):
    probe = Tensor(torch.zeros_like(t.data), requires_grad=True)
    rest(t+probe).backward()
    return probe.grad'''
CUMSUM = 'def cumsum(a, dim): return a.cumsum(dim), lambda g: g.flip(dim).cumsum(dim).flip(dim)'
RECOMPUTED = '''def recomputed(a, f):
    def to_a(g):
        t = Tensor(a, requires_grad=True)
        f(t).backward(g)
        return t.grad
    with no_grad(): return f(Tensor(a)).data, to_a'''

RIGHT = [
    ('03b.1', op(SOFTPLUS), 'Tensor.softplus'),
    ('03b.1', op('def softplus(a):\n    return a.clamp(min=0)+(-a.abs()).exp().log1p(), lambda g: g-g/(1+a.exp())'), 'Tensor.softplus'),
    ('03b.2', NORM, 'layer_norm'),
    ('03b.2', '''def layer_norm(t):
    centred = t-t.mean(-1, keepdim=True)
    return centred*((centred*centred).mean(-1, keepdim=True)+0.00001)**-0.5''', 'layer_norm'),
    ('03b.3', PROBE, 'gradient_at'),
    ('03b.3', '''def gradient_at(t, rest):
    one = Tensor(torch.ones_like(t.data), requires_grad=True)
    rest(t*0 + t + (one-1)).backward()
    return one.grad''', 'gradient_at'),
    ('03b.3', '''def gradient_at(t, rest):
    copy = Tensor(t.data, requires_grad=True)
    rest(copy).backward()
    t.backward(copy.grad)
    return copy.grad''', 'gradient_at'),
    ('03b.4', op(CUMSUM), 'Tensor.cumsum'),
    ('03b.4', op('def cumsum(a, dim): return torch.cumsum(a, dim), lambda g: g.sum(dim, keepdim=True) - g.cumsum(dim) + g'),
     'Tensor.cumsum'),
    ('03b.5', '', '((256,50), (256,50))'), ('03b.5', '', '[torch.Size([256,50]), torch.zeros(256,50).shape]'),
    ('03b.6', op(RECOMPUTED), 'Tensor.recomputed'),
    ('03b.6', op(RECOMPUTED.replace('with no_grad(): return f(Tensor(a)).data, to_a', 'return f(Tensor(a)).data, to_a')),
     'Tensor.recomputed')]

@pytest.mark.parametrize('number,code,answer', RIGHT)
def test_another_way_is_right(number, code, answer):
    v = answered(number, code, answer)
    assert v, v.text

WRONG = [
    ('03b.1', op(SOFTPLUS.replace('F.softplus(a)', '(1+a.exp()).log()')), 'Tensor.softplus', 'overflows'),
    ('03b.1', op(SOFTPLUS.replace('g*a.sigmoid()', 'g')), 'Tensor.softplus', 'as it is'),
    ('03b.1', op(SOFTPLUS.replace('g*a.sig', 'a.sig')), 'Tensor.softplus', 'multiply by it'),
    ('03b.1', op(SOFTPLUS.replace('a.sigmoid()', 'a.exp()/(1+a.exp())')), 'Tensor.softplus', 'nan for large'),
    ('03b.1', op(SOFTPLUS.replace('a.sigmoid()', '(a>0)')), 'Tensor.softplus', 'ReLU'),
    ('03b.2', NORM.replace('correction=0, ', ''), 'layer_norm', 'correction=0'),
    ('03b.2', NORM.replace(' + 1e-5', ''), 'layer_norm', '10⁻⁵'),
    ('03b.2', NORM.replace('-1', '0'), 'layer_norm', 'each *row*'),
    ('03b.2', NORM.replace(').sqrt()', ')'), 'layer_norm', 'divide by its root'),
    ('03b.2', 'def layer_norm(t): return Tensor(F.layer_norm(t.data, t.shape[-1:]), requires_grad=True)', 'layer_norm', ''),
    ('03b.2', NORM.replace(' + 1e-5).sqrt()', ').sqrt() + 1e-5'), 'layer_norm', ''),
    ('03b.3', PROBE.replace('t+probe', 'Tensor(t.data)+probe'), 'gradient_at', 'cut off'),
    ('03b.3', PROBE.replace('return probe.grad', ''), 'gradient_at', 'return the gradient'),
    ('03b.3', 'def gradient_at(t, rest):\n    rest(t).backward()\n    return t.grad', 'gradient_at', ''),
    ('03b.3', PROBE.replace('zeros', 'ones'), 'gradient_at', ''),
    ('03b.4', op(CUMSUM.replace('g.flip(dim).cumsum(dim).flip(dim)', 'g.cumsum(dim)')), 'Tensor.cumsum', '*later* ones'),
    ('03b.4', op(CUMSUM.replace('.flip(dim)', '', 1)), 'Tensor.cumsum', 'before'),
    ('03b.4', op(CUMSUM.replace('g.flip(dim).cumsum(dim).flip(dim)', 'g')), 'Tensor.cumsum', 'as it is'),
    ('03b.4', op(CUMSUM.replace('a.cumsum', 'a.cumprod')), 'Tensor.cumsum', ''),
    ('03b.5', '', '((50,), (50,))', 'what `unbroadcast` makes'),
    ('03b.5', '', '((256,50), (50,))', 'broadcasts'),
    ('03b.5', '', '((50,256), (50,256))', 'rows first'),
    ('03b.5', '', '((256,50),)', ''), ('03b.5', '', '((256,), (256,50))', ''),
    ('03b.6', op('def recomputed(a, f):\n    t = Tensor(a, requires_grad=True)\n    out = f(t)\n    def to_a(g):\n        out.backward(g)\n'
                 '        return t.grad\n    return out.data, to_a'), 'Tensor.recomputed', 'graph is kept'),
    ('03b.6', op(RECOMPUTED.replace('backward(g)', 'backward()')), 'Tensor.recomputed', 'begins with ones'),
    ('03b.6', op('def recomputed(a, f):\n    with no_grad(): return f(Tensor(a)).data, lambda g: g'), 'Tensor.recomputed', 'as it is'),
    ('03b.6', 'Tensor.recomputed = lambda t, f: f(t)', 'Tensor.recomputed', '')]

@pytest.mark.parametrize('number,code,answer,told', WRONG)
def test_a_wrong_answer_is_found(number, code, answer, told):
    v = answered(number, code, answer)
    assert v.state=='wrong' and told in v.mistake, v.text

def test_what_was_wanted_is_not_shown(): assert '256' not in answered('03b.5', '', '((50,), (50,))').text

@pytest.mark.parametrize('number,code,answer', [
    ('03b.1', op('def softplus(a): ...'), 'Tensor.softplus'), ('03b.2', 'def layer_norm(t): ...', 'layer_norm'),
    ('03b.3', 'def gradient_at(t, rest): ...', 'gradient_at'), ('03b.4', op('def cumsum(a, dim): ...'), 'Tensor.cumsum'),
    ('03b.5', '', '(..., ...)'), ('03b.6', op('def recomputed(a, f): ...'), 'Tensor.recomputed')])
def test_an_empty_answer_is_not_yet(number, code, answer): assert answered(number, code, answer).state=='not yet'
