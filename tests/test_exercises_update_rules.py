"The exercises of chapter 6: other right answers pass, and wrong ones do not."
import numpy as np
import pytest, torch
from fastfound.checking import verdict
from fastfound.checks import find_check
from fastfound.optimizers import Adam, AdamW, Muon, MultiOptimizer, MuonSGD, split_params

def nesterov_in_place(p, g, state, lr, beta=0.9):
    m = state.setdefault('sum', torch.zeros_like(p))
    m.mul_(beta).add_(g)
    p.sub_(g, alpha=lr).sub_(m, alpha=lr*beta)
def nesterov_ahead(p, g, state, lr, beta=0.9):
    "As one more step of the sum"
    state['m'] = state['m']*beta+g if 'm' in state else g
    p -= lr*(beta*state['m']+g)
def sign_by_where(p, g, state, lr): p.copy_(torch.where(g>0, p-lr, torch.where(g<0, p+lr, p)))
def sign_by_size(p, g, state, lr): p -= lr*g/(g.abs()+1e-8)
def sign_by_numpy(p, g, state, lr): p.copy_(torch.as_tensor(p.numpy()-lr*np.sign(g.numpy())))
def trapezoid_by_cases(pos): return torch.tensor(pos/0.1 if pos<0.1 else 1. if pos<0.5 else 2*(1-pos))
def trapezoid_by_clamp(pos): return max(0., min(1., 10*pos))-max(0., (pos-0.5)*2)

class Both:
    "Two optimizers, whose groups are in one list"
    def __init__(self, params, lr):
        matrices = [p for p in params if p.ndim==2]
        hidden = {id(p) for p in matrices[:-1]}
        self.opts = [Muon(matrices[:-1], lr), torch.optim.AdamW([p for p in params if id(p) not in hidden], lr*0.1)]
        self.param_groups = [o for opt in self.opts for o in opt.param_groups]
    def step(self):
        for o in self.opts: o.step()
    def zero_grad(self):
        for o in self.opts: o.zero_grad()
def by_split(params, lr):
    a,b = split_params(params)
    return MultiOptimizer(AdamW([{'params': [o]} for o in b], lr=lr/10, weight_decay=0.), Muon(a, lr=lr, nesterov=False, dtype=None))

OTHERS = [('06.1', nesterov_in_place), ('06.1', nesterov_ahead), ('06.2', 10**0.5), ('06.2', torch.tensor(3.1623)),
          ('06.2', 3.162), ('06.2', 3.16),
          ('06.3', sign_by_numpy), ('06.3', sign_by_where), ('06.3', sign_by_size), ('06.4', ((83,83), (94,1323))),
          ('06.4', ([84,82], [95,1310])), ('06.4', torch.tensor([[84,82],[95,1310]])),
          ('06.5', trapezoid_by_cases), ('06.5', trapezoid_by_clamp), ('06.6', 0.99443673),
          ('06.6', 0.9944), ('06.6', torch.tensor(0.994437)),
          ('06.7', Both), ('06.7', by_split)]

torch.optim.AdamW([torch.zeros(1, requires_grad=True)])  # the first of PyTorch's optimizers takes seconds, as it imports more of it

@pytest.mark.parametrize('number,answer', OTHERS)
def test_another_answer_is_right(number, answer):
    v = verdict(number, answer)
    assert v, v.text

def old_sum(p, g, state, lr, beta=0.9):
    m = state.get('m', g)
    state['m'] = beta*m+g
    p -= lr*(g+beta*m)
def clipped(p, g, state, lr): p -= lr*g.clamp(-1, 1)
def normalised(p, g, state, lr): p -= lr*g/g.abs().max()
def in_three_tenths(pos): return min(pos/0.3, 1., (1-pos)/0.5)
def to_a_tenth(pos): return max(0.1, min(pos/0.1, 1., (1-pos)/0.5))
def plain_adam(params, lr):
    a,b = split_params(params)
    return MultiOptimizer(Adam(a, lr), AdamW(b, lr/10))

def at_its_rate(p, g, state, lr, beta=0.9):
    v = state['v'] = beta*state.get('v', 0) - lr*g
    p += beta*v - lr*g
def no_warm_up(pos): return 0. if pos<0.1 else min(1., 2-2*pos)
def late(pos): return pos if pos<0.1 else min(1., 2-2*pos)
def half(pos): return 5*pos if pos<0.1 else min(1., 2-2*pos)
def jump(pos): return min(1., 10*pos) if pos<0.5 else 1-pos
def jump_after(pos): return min(1., 10*pos) if pos<=0.5 else 1-pos

WRONG = [('06.1', old_sum), ('06.1', lambda p, g, state, lr, beta=0.9: p.zero_()), ('06.2', 3.), ('06.2', 3.2), ('06.2', 'three times'),
         ('06.3', clipped), ('06.3', normalised), ('06.4', ((83,83), (94,None))), ('06.4', ((83,83), (94,))),
         ('06.4', ((64,2630), (64,2630))),
         ('06.5', no_warm_up), ('06.5', late), ('06.5', half), ('06.5', in_three_tenths), ('06.5', to_a_tenth), ('06.6', 0.994),
         ('06.6', 0.9), ('06.6', 1.),
         ('06.7', lambda params, lr: MuonSGD(params, lr)),
         ('06.7', plain_adam)]

@pytest.mark.parametrize('number,answer', WRONG)
def test_a_wrong_answer_is_found(number, answer): assert verdict(number, answer).state=='wrong'

@pytest.mark.parametrize('number,answer,text', [
    ('06.1', at_its_rate, 'the rate of its own step'), ('06.5', no_warm_up, 'tenth it is 0'),
    ('06.5', half, 'where it is wrong, every number is 0.5 times'), ('06.5', jump, 'it jumps'), ('06.5', jump_after, 'it jumps')])
def test_a_slip_has_a_name(number, answer, text): assert text in verdict(number, answer).mistake

@pytest.mark.parametrize('number,text', [(o, text) for o in ('06.2', '06.4', '06.6') for text in find_check(o).mistakes])
def test_a_usual_wrong_value_is_told(number, text):
    found = find_check(number).mistakes[text]()
    if number=='06.4': found = [*found.values()][:2],[None if o<0 else o for o in found.values()][2:]
    assert verdict(number, found).mistake==text

def test_what_was_wanted_is_not_shown():
    for number,wrong in (('06.2', 5.), ('06.4', ((1,1), (1,1))), ('06.6', 0.5)):
        v = verdict(number, wrong)
        assert v.state=='wrong' and not any(o in v.text for o in ('3.16', '1323', '0.9944')), v.text

def test_an_answer_in_two_lines_is_not_yet_given():
    assert verdict('06.4', (..., ...)).state=='not yet' and verdict('06.4', ((83,83), ...)).state=='not yet'
