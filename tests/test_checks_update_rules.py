"Chapter 6: other right ways pass the checks, and wrong ones do not."
import math
import pytest, torch
from fastfound.checking import verdict
from test_checks import as_a_readers

def sgd_in_place(p, g, state, lr): p.sub_(g, alpha=lr)
def sgd_by_copy(p, g, state, lr): p.copy_(p - g*lr)

def momentum_in_place(p, g, state, lr, beta=0.9):
    if 'sum' not in state: state['sum'] = torch.zeros_like(p)
    state['sum'].mul_(beta).add_(g)
    p.add_(state['sum'], alpha=-lr)
def momentum_by_memory(p, g, state, lr, beta=0.9):
    state.setdefault('all', []).append(g.clone())
    total = 0
    for o in state['all']: total = beta*total + o
    p[...] = p - lr*total
def momentum_by_average(p, g, state, lr, beta=0.9):
    if beta==1: return momentum_in_place(p, g, state, lr, beta)
    state['v'] = state['v'].lerp(g, 1-beta) if 'v' in state else (1-beta)*g
    p -= lr/(1-beta)*state['v']

def rmsprop_in_place(p, g, state, lr=0.01, alpha=0.99, eps=1e-8):
    v = state.setdefault('v', torch.zeros_like(p))
    v.mul_(alpha).addcmul_(g, g, value=1-alpha)
    p.addcdiv_(g, v.sqrt()+eps, value=-lr)

def adam_in_place(p, g, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    if not state: state.update(step=0, avg=torch.zeros_like(p), sq=torch.zeros_like(p))
    state['step'] += 1
    state['avg'].lerp_(g, 1-beta1)
    state['sq'].mul_(beta2).addcmul_(g, g, value=1-beta2)
    c1,c2 = 1-beta1**state['step'],1-beta2**state['step']
    p.addcdiv_(state['avg'], (state['sq'].sqrt()/math.sqrt(c2)).add_(eps), value=-lr/c1)
def adam_by_weights(p, g, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    "Averages whose weights are summed up beside them"
    m,wm,v,wv = state.get('sums', (0,0,0,0))
    m,wm,v,wv = m*beta1+g,wm*beta1+1,v*beta2+g*g,wv*beta2+1
    state['sums'] = m,wm,v,wv
    p -= lr*(m/wm)/(torch.sqrt(v/wv)+eps)

def adamw_by_factor(p, g, state, lr=1e-3, wd=0.01, **settings):
    p.mul_(1-lr*wd)
    adam_in_place(p, g, state, lr, **settings)
def adamw_written_out(p, g, state, lr=1e-3, wd=0.01, beta1=0.9, beta2=0.999, eps=1e-8):
    old = p.clone()
    adam_by_weights(p, g, state, lr, beta1, beta2, eps)
    p -= old*lr*wd

def cosine_by_sine(pos): return 1-math.sin(math.pi/2*pos)**2
def one_cycle_by_tensors(pos, peak=0.25, low=1/25):
    def between(a, b, t): return a+(b-a)*(1-torch.cos(torch.tensor(math.pi*t)))/2
    return between(low, 1., pos/peak) if pos<peak else between(1., 0., (pos-peak)/(1-peak))
def one_cycle_in_one(pos, peak=0.25, low=1/25):
    up = pos<peak
    t,bottom = (1-pos/peak,low) if up else ((pos-peak)/(1-peak),0)
    return bottom + (1-bottom)*math.cos(t*math.pi/2)**2

def newton_schulz_right(m, n=5, a=3.4445, b=-4.7750, c=2.0315):
    "Products from the other side"
    x = m/(m**2).sum().sqrt()
    while n>0:
        s = x.mT.matmul(x)
        x,n = a*x + b*(x@s) + c*(x@s@s),n-1
    return x
def muon_by_sum(p, g, state, lr, beta=0.95):
    state['m'] = g.clone() if not state else beta*state['m']+g
    p.sub_(lr*newton_schulz_right(state['m']))

OTHERS = {'basic_sgd': [sgd_in_place, sgd_by_copy], 'basic_momentum': [momentum_in_place, momentum_by_memory, momentum_by_average],
          'basic_rmsprop': [rmsprop_in_place], 'basic_adam': [adam_in_place, adam_by_weights],
          'basic_adamw': [adamw_by_factor, adamw_written_out],
          'basic_cosine': [cosine_by_sine],
          'basic_one_cycle': [one_cycle_by_tensors, one_cycle_in_one],
          'newton_schulz': [newton_schulz_right], 'basic_muon': [muon_by_sum]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

WRONG = {
    'basic_sgd': [('-=', '+='), ('lr*g', 'g'), ('lr*g', 'lr*g.sign()'), ('p -= lr*g', 'p = p - lr*g'), ('p -= lr*g', 'g *= lr; p -= g'),
                  ('lr*g', 'lr*g.mean()')],
    'basic_momentum': [('-=', '+='), ("+ g\n", '+ (1-beta)*g\n'), ('beta*state', 'state'), ("state['m'] = ", ''), ("+ g\n", '- g\n'),
                       ("+ g\n", '+ beta*g\n'),
                       ('p -= lr*m', 'p -= m'), ('p -= lr*m', 'p = p - lr*m'), ('lr*m', 'lr*g'), ('beta=0.9', 'beta=0.5'),
                       ('beta*state', '(1-beta)*state'), ("get('m', 0)", "get('m', g)"),
                       ("+ g\n", '+ lr*g\n'), ('p -= lr*m', 'p -= lr*(m+g)'), ('beta*state', '0.9*state'), ('lr*m', 'lr*m.float()'),
                       ("get('m', 0)", "get('m', 1)"),
                       ("m = state['m'] = beta*state.get('m', 0) + g",
                        "m = state['m'] = g.mul_(1) if not state else g.add_(state['m'], alpha=beta)"),
                       ('p -= lr*m', 'p -= lr*m/(1-beta)'), ("+ g\n", '+ p\n')],
    'basic_rmsprop': [('-=', '+='), ('.sqrt()', ''), ('g**2', 'g'), ('alpha*state', 'state'), ('(1-alpha)*', ''), ('+eps', '*eps'),
                      ('v.sqrt()+eps', '(v+eps).sqrt()'), ('lr*g/', 'lr/'),
                      ("state['v'] = ", ''), ('g**2', 'g.abs()'), ('g**2', '(g**2).mean()'), ('alpha=0.99', 'alpha=0.9')],
    'basic_adam': [('-=', '+='), (').sqrt()', ')'), ('g**2', 'g'), ('g**2', 'g.abs()'), ('/(1-beta1**t)', ''), ('v/(1-beta2**t)', 'v'),
                   ("state.get('t', 0) + 1", "state.get('t', 0)"),
                   ("t = state['t'] =", 't ='), ("m = state['m'] =", 'm ='), ("v = state['v'] =", 'v ='), ('(1-beta1)*g', 'g'),
                   ('(1-beta2)*g**2', 'g**2'), ('beta1**t', 'beta2**t'),
                   ('.sqrt()+eps)', '+eps).sqrt()'), ('(1-beta1)*g\n', '(1-beta2)*g\n'), ('lr*m', 'lr*g'), ('lr*m', 'm'),
                   ('beta1**t', 'beta1*t'), ('+eps', '-eps'), ("get('t', 0) + 1", "get('t', 0) + 2"),
                   ('beta2=0.999', 'beta2=0.99'), ("state['m'] = beta1*state.get('m', 0)", "state['m'] = beta2*state.get('m', 0)"),
                   ('p -= ', 'p = p - '), ('g**2', '(g**2).sum()')],
    'basic_adamw': [('p -= lr*wd*p', 'p -= wd*p'), ('p -= lr*wd*p', 'p += lr*wd*p'), ('p -= lr*wd*p', 'p -= lr*wd'),
                    ('p -= lr*wd*p', 'g = g + wd*p'), ('    p -= lr*wd*p\n', ''),
                    ('p -= lr*wd*p', 'p -= lr*wd*g'), (', **settings)\n', ')\n'), (', lr, **settings)', ', **settings)'),
                    ('wd=0.01', 'wd=0.1'), ('lr*wd*p', 'lr*wd*p.abs()'),
                    ('p -= lr*wd*p', 'p = p - lr*wd*p'), ('lr*wd*p', 'lr**2*wd*p'), ('basic_adam(p, g,', 'basic_adam(p, p,'),
                    ('lr*wd*p', 'lr*wd*p**2')],
    'basic_cosine': [('/2', ''), ('1+', '1-'), ('math.pi*pos', 'pos'), ('math.pi*pos', '2*math.pi*pos'), ('cos(', 'sin(')],
    'basic_one_cycle': [('low + ', ''), ('(1-low)*', ''), ('1-pos/peak', 'pos/peak'), ('/(1-peak)', ''), ('(pos-peak)/(1-peak)', 'pos'),
                        ('<peak', '>peak'), ('(pos-peak)/(1-peak)', '(pos-peak)/peak'),
                        ('basic_cosine(1-pos/peak)', 'pos/peak'), ('basic_cosine((pos-peak)', '1-((pos-peak)'), ('peak=0.25', 'peak=0.3'),
                        ('low=1/25', 'low=0'), ('low + (1-low)*basic_cosine(1-pos/peak)', 'low'),
                        ('low + (1-low)', 'low*(1-low)'), ('return basic_cosine((', 'return low + (1-low)*basic_cosine(('),
                        ('1-pos/peak', '1-pos')],
    'newton_schulz': [('m/m.norm()', 'm'), ('range(n)', 'range(n-1)'), ('range(n)', 'range(5)'), ('x@x.T', 'x*x'), ('s@s', 's*s'),
                      ('a*x + ', ''), ('m.norm()', 'm.abs().max()'),
                      ('b*s + c*s@s', 'c*s + b*s@s'), ('m/m.norm()', 'm.div_(m.norm())'), ('return x', 'return x.float()'),
                      ('m.norm()', 'm.norm(dim=0)')],
    'basic_muon': [('newton_schulz(m)', 'newton_schulz(g)'), ('newton_schulz(m)', 'm'), ('-=', '+='), ('p -= ', 'p = p - '),
                   ("state['m'] = ", ''), ('beta*state', 'state')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def test_the_optimizers_of_pytorch_are_told():
    def by_pytorch(p, g, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        q = torch.nn.Parameter(p.clone())
        if not state: state['opt'] = torch.optim.Adam([q], lr, (beta1,beta2), eps)
        state['opt'].param_groups[0]['params'] = [q]
        q.grad = g
        state['opt'].step()
        p.copy_(q)
    assert 'it uses adam' in verdict('basic_adam', by_pytorch).text
    from fastfound.update_rules import basic_adam
    def by_the_book(p, g, state, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8): basic_adam(p, g, state, lr, beta1, beta2, eps)
    assert "it uses the book's basic_adam" in verdict('basic_adam', by_the_book).text
    assert 'it uses' in verdict('newton_schulz', lambda m, n=5, a=3.4445, b=-4.7750, c=2.0315: torch.linalg.svd(m)[0]).text

@pytest.mark.parametrize('name,old,new,what', [('basic_adam', 'beta2=0.999', 'beta2=0.99', 'beta2'),
                                               ('basic_adam', 'lr=1e-3', 'lr=1e-2', 'lr'),
                                               ('basic_momentum', 'beta=0.9', 'beta=0.8', 'beta'),
                                               ('basic_one_cycle', '1/25', '1/20', 'low')])
def test_a_changed_default_is_told(name, old, new, what):
    assert verdict(name, as_a_readers(name, (old, new))).mistake.startswith(f'it is right but where `{what}` is left out')

@pytest.mark.parametrize('old,new,text', [("state.get('m', 0)", 'state', 'two things are put together'),
                                          ("beta*state.get('m', 0)", 'beta(state)', 'something is called that is no function')])
def test_what_is_raised_is_told(old, new, text):
    assert verdict('basic_momentum', as_a_readers('basic_momentum', (old, new))).mistake.startswith(text)
