"Page 3b: other right ways pass the checks, and wrong ones do not."
import pytest, torch
from fastfound.checking import verdict
from test_checks import as_a_readers

def fitted_by_loops(g, like):
    while g.ndim>like.ndim: g = g.sum(0)
    for i,n in enumerate(like.shape):
        if n==1: g = g.sum(i, keepdim=True)
    return g.to(like.dtype)
def fitted_at_once(g, like):
    shape = (1,)*(g.ndim-like.ndim)+tuple(like.shape)
    dims = [i for i,(a,b) in enumerate(zip(g.shape, shape)) if b==1 and (a!=1 or i<g.ndim-like.ndim)]
    return (g.sum(dims) if dims else g).reshape(like.shape).type(like.dtype)
def fitted_by_expanding(g, like):
    "Adds each number where it came from"
    where = torch.arange(like.numel()).view(like.shape).expand(g.shape)
    return torch.zeros(like.numel(), dtype=g.dtype).index_add(0, where.reshape(-1), g.reshape(-1)).view(like.shape).to(like.dtype)

def by_recursion(t):
    order,seen = [],set()
    def visit(t):
        if id(t) in seen: return
        seen.add(id(t))
        for o in t.inputs:
            if getattr(o, 'requires_grad', False): visit(o)
        order.append(t)
    visit(t)
    return order[::-1]

def pass_by_sums(order, grad):
    parts = {id(order[0]): [grad]}
    pairs = []
    for t in order:
        g = sum(parts[id(t)])
        if not t.inputs: pairs.append((t, g))
        for i,o in enumerate(t.inputs):
            if getattr(o, 'requires_grad', False): parts.setdefault(id(o), []).append(fitted_by_loops(t.backward_fns[i](g), o.data))
    return pairs
def pass_as_dict(order, grad):
    grads = {order[0]: grad}
    for t in order:
        for o,fn in zip(t.inputs, t.backward_fns):
            if hasattr(o, 'backward_fns') and o.requires_grad: grads[o] = grads.get(o, 0)+fitted_at_once(fn(grads[t]), o.data)
    return {k: v for k,v in grads.items() if k.op==''}

def power_by_cases(base, exponent):
    out = base**exponent
    def to_base(g):
        d = exponent*torch.as_tensor(base, dtype=out.dtype)**(exponent-1)
        return g*torch.where(torch.as_tensor(exponent)==0, torch.zeros_like(d), d)
    def to_exponent(g):
        b = torch.as_tensor(base, dtype=out.dtype)
        return g*torch.where((b==0)&(exponent>=0), torch.zeros_like(out), out*torch.log(b))
    return [out, to_base, to_exponent]

OTHERS = {'unbroadcast': [fitted_by_loops, fitted_at_once, fitted_by_expanding], 'backward_order': [by_recursion],
          'backward_pass': [pass_by_sums, pass_as_dict],
          'power': [power_by_cases]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

FIT = 'g.sum_to_size(like.shape)'
WRONG = {
    'unbroadcast': [(FIT, 'g'), (FIT, 'g.sum()'), (FIT, 'g.sum(0)'), (FIT, 'g.sum(-1)'), ('.to(like.dtype)', ''),
                    (FIT, '(g.sum_to_size(like.shape)*like.numel()/max(g.numel(), 1))'), (FIT, '-g.sum_to_size(like.shape)'),
                    (FIT, 'g.sum_to_size(like.shape).squeeze()'), (FIT, 'like'), (' and g.dtype==like.dtype', ''),
                    ('g.shape==like.shape', 'g.ndim==like.ndim'), ('return g if', 'return 2*g if'),
                    (FIT, 'g.flatten()[:like.numel()].view(like.shape)'), (FIT, 'g.sum().expand(like.shape)'), (FIT, 'g.mean(0)')],
    'backward_order': [(', reverse=True', ''), ('and o.requires_grad ', ''), ('found,todo = {t},[t]', 'found,todo = set(),[t]'),
                       ('        todo += new\n', ''), ("sorted(found, key=attrgetter('index'), reverse=True)", 'list(found)[::-1]'),
                       ('and o not in found', ''), ("sorted(found, key=attrgetter('index'), reverse=True)", '[t]')],
    'backward_pass': [('sums[inp] += part', 'sums[inp] = part'), ('sums[inp] = grads.pop(inp)+part', 'grads[inp] = part'),
                      ('unbroadcast(backward_fn(g), inp.data)', 'backward_fn(g)'), ('if not t.op: ', ''),
                      ('if not t.op', 'if t.op'), ('backward_fn(g)', 'g'), ('{order[0]: grad}', '{order[0]: torch.ones_like(grad)}'),
                      ('in order:', 'in order[:-1]:'),
                      ('sums[inp] = grads.pop(inp)+part', 'grads[inp] += part'), ('yield t,g', 'yield g,t'),
                      ('zip(t.inputs', 'zip(t.inputs[:1]'), ('backward_fn(g)', 'backward_fn(grad)')],
    'power': [('exponent*base**(exponent-1)', 'base**(exponent-1)'), ('(exponent-1)', 'exponent'), ('out*_as', '_as'),
              ('_as_tensor(base, out)', '_as_tensor(exponent, out)'), ('g*(exponent*', '(exponent*'), ('exponent==0', 'False'),
              ('(base==0)&(exponent>=0)', 'False'), ('base**exponent\n', 'base*exponent\n'), ('_as_tensor(base, out).log()', 'base'),
              ('(base==0)&(exponent>=0)', 'base>=0')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change), seconds=1).state=='wrong', change

def test_the_books_part_can_stand_in_a_graph_of_ones_own():
    "What is still empty is the book's, and must work with a reader's `Tensor`"
    from fastfound.checks.engine import Node, graph, needed
    from fastfound.engine import backward_order, backward_pass
    nodes = graph(Node, 'a; b; c = a * b; d = c + a', {'a': torch.tensor(3.), 'b': torch.tensor(4.)})
    order = backward_order(nodes['d'])
    assert order==needed(nodes)
    assert {t: g.item() for t,g in backward_pass(order, torch.tensor(1.))}=={nodes['a']: 5., nodes['b']: 3.}
