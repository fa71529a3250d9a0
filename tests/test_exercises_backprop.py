"Chapter 3, exercises: other right answers pass the checks, and wrong ones do not."
import pytest, torch
from fastfound.backprop import LayerFunction, Lin, Model, Relu
from fastfound.checking import verdict

FLAT = [0.1]*3 + [-0.9] + [0.1]*6

class Own:
    "A layer without the book's base class"
    def __call__(self, inp):
        self.inp,self.out = inp,self.f(inp)
        return self.out
class OwnSigmoid(Own):
    def f(self, x): return torch.sigmoid(x)
    def backward(self): self.inp.g = self.out.g/(2+self.inp.exp()+(-self.inp).exp())
class Tanh(LayerFunction):
    def forward(self, inp): return (1+(inp/2).tanh())/2
    def bwd(self, out, inp): inp.g = (out-out**2)*out.g

class OwnSoftmax(Own):
    def f(self, x):
        e = (x-x.amax(1, keepdim=True)).exp()
        return e/e.sum(1, keepdim=True)
    def backward(self): self.inp.g = torch.stack([(s.diag()-s[:,None]*s)@g for s,g in zip(self.out, self.out.g)])
class Shifted(LayerFunction):
    def forward(self, inp): return inp.softmax(-1)
    def bwd(self, out, inp): inp.g = out.g*out - out*torch.einsum('nc,nc->n', out.g, out)[:,None]

class Deep(Model):
    def __init__(self, layers, loss): self.layers,self.loss = layers,loss
class OwnDeep:
    def __init__(self, layers, loss): self.all = [*layers, loss]
    def __call__(self, x, targ):
        for o in self.all[:-1]: x = o(x)
        return self.all[-1](x, targ)
    def backward(self):
        for o in self.all[::-1]: o.backward()

def by_squares(inp, out_g): return ((inp**2).sum(1)*(out_g**2).sum(-1)).sqrt()
def one_by_one(inp, out_g): return torch.stack([(x@x*(g@g))**0.5 for x,g in zip(inp, out_g)])

@pytest.mark.parametrize('number,answer', [('03.1', (0.003, 0.0030001, [0.003,0.001])),
    ('03.1', (torch.tensor(0.0027), 0.0026999, (0.001,0.003))),
    ('03.2', OwnSigmoid), ('03.2', Tanh), ('03.3', (FLAT, 0)), ('03.3', (torch.tensor([FLAT]), torch.tensor(1e-8))),
    ('03.4', ['b1','x','w1']), ('03.4', 'x, w1, b1'), ('03.4', {'x','w1','b1'}), ('03.5', Deep), ('03.5', OwnDeep),
    ('03.6', OwnSoftmax), ('03.6', Shifted), ('03.7', by_squares), ('03.7', one_by_one)])
def test_a_right_answer_passes(number, answer):
    v = verdict(number, answer)
    assert v and v.text.startswith(f'{number}: right'), v.text

def layer(forward, bwd): return type('Wrong', (LayerFunction,), {'forward': lambda self, x: forward(x),
    'bwd': lambda self, out, x: setattr(x, 'g', bwd(x, out, out.g))})

class Autograd(LayerFunction):
    def forward(self, inp): return torch.sigmoid(inp)
    def bwd(self, out, inp):
        x = inp.clone().requires_grad_()
        x.sigmoid().backward(out.g)
        inp.g = x.grad
class Forwards(Deep):
    def backward(self):
        self.loss.backward()
        for o in self.layers: o.backward()
class Three(Deep):
    def __init__(self, layers, loss): super().__init__(layers[:3], loss)
class Rebuilt(Deep):
    "A model that makes layers of its own and ignores the ones given"
    def __init__(self, layers, loss): super().__init__([Lin(layers[0].w, layers[0].b), Relu()], loss)

def outer(inp, out_g): return (inp[:,:,None]*out_g[:,None,:]).flatten(1).norm(dim=1)
def outer_one_by_one(inp, out_g): return torch.stack([torch.outer(x, g).norm() for x,g in zip(inp, out_g)])

@pytest.mark.parametrize('number,answer,says', [('03.1', (0.003, -0.003, [0.001,0.003]), 'signs'),
    ('03.1', (-0.003, -0.003, [0.001,0.003]), 'positive'),
    ('03.1', (1.7e-5, 0.003, [0.001,0.003]), ''), ('03.1', (0.003, 0.003, [0.001,0.003,0.01]), 'too large'),
    ('03.1', (0.003, 0.003, [0.001]), 'one more'), ('03.1', (0.003, 0.003, [0.03,0.01]), 'grows'),
    ('03.1', (0.003, 0.0, [0.001,0.003]), ''),
    ('03.2', layer(torch.sigmoid, lambda x, s, g: s*(1-s)), 'upstream'), ('03.2', layer(torch.tanh, lambda x, s, g: (1-s*s)*g), ''),
    ('03.2', layer(lambda x: x.exp()/(1+x.exp()), lambda x, s, g: s*g), '1-s'), ('03.2', Autograd, ''),
    ('03.3', ([0.1]*10, 1), 'one-hot'), ('03.3', ([-o for o in FLAT], 0), 'reversed'), ('03.3', (FLAT, 1), 'sums to'),
    ('03.3', ([0.1]*9, 0), ''),
    ('03.3', ([0.1]*2+[-0.9]+[0.1]*7, 0), 'index 3'), ('03.4', ['x','w1','b1','w2','b2'], 'second layer'),
    ('03.4', ['w1','b1'], 'inputs'),
    ('03.4', ['l1'], ''), ('03.4', [], 'first layer'), ('03.4', 'x w1', ''), ('03.5', Forwards, 'order'),
    ('03.5', Three, 'three layers'), ('03.5', Rebuilt, ''),
    ('03.6', layer(lambda x: x.softmax(1), lambda x, s, g: s*(1-s)*g), 'sigmoid'),
    ('03.6', layer(lambda x: x.softmax(1), lambda x, s, g: s*(g-(g*s).sum(1))), ''),
    ('03.6', layer(lambda x: x.softmax(1), lambda x, s, g: s*(g-(g*s).sum())), 'whole batch'),
    ('03.7', outer, 'outer products'), ('03.7', outer_one_by_one, ''), ('03.7', lambda inp, out_g: (inp.t()@out_g).norm(), ''),
    ('03.7', lambda inp, out_g: (inp**2).sum(1)*(out_g**2).sum(1), 'root')])
def test_a_wrong_answer_is_found(number, answer, says):
    v = verdict(number, answer)
    assert v.state=='wrong' and says in v.mistake, v.text

class Empty(LayerFunction):
    def forward(self, inp): ...
    def bwd(self, out, inp): ...

@pytest.mark.parametrize('number,answer', [('03.1', (1., 1., ...)), ('03.2', Empty), ('03.4', ...)])
def test_an_empty_answer_is_not_yet(number, answer): assert verdict(number, answer).state=='not yet'
