"Chapter 3: other right ways pass the checks, and wrong ones do not."
import pytest, torch
from torch import nn
from fastfound.checking import verdict
from test_checks import as_a_readers

def mse_in_place(inp, targ):
    g = (inp-targ.reshape(-1,1)).clone()
    g *= 2
    inp.g = g/len(targ)
def mse_by_example(inp, targ): inp.g = torch.stack([(p-t)*2/len(inp) for p,t in zip(inp, targ)])
def mse_by_terms(inp, targ): inp.g = (2/targ.shape[0])*inp - (2/targ.shape[0])*targ.unsqueeze(-1)

def lin_by_example(inp, out, w, b):
    inp.g,w.g,b.g = torch.zeros_like(inp),torch.zeros_like(w),torch.zeros_like(b)
    for i in range(len(inp)):
        inp.g[i] = (w*out.g[i]).sum(1)
        w.g += inp[i][:,None]*out.g[i]
        b.g += out.g[i]
def lin_by_outer_products(inp, out, w, b):
    w.g = (inp[:,:,None]*out.g[:,None,:]).sum(0)
    b.g = torch.ones(len(inp), dtype=inp.dtype)@out.g
    inp.g = (w@out.g.t()).t()
def lin_by_einsum(inp, out, w, b):
    inp.g,w.g,b.g = torch.einsum('nm,km->nk', out.g, w),torch.einsum('nk,nm->km', inp, out.g),torch.einsum('nm->m', out.g)

def relu_by_mask(inp, out): inp.g = (inp>0).to(out.g.dtype)*out.g
def relu_by_output(inp, out): inp.g = torch.where(out>0, out.g, torch.zeros_like(out.g))

def relu_by_floats(inp, out):
    "Rounded to float32 on the way"
    pairs = zip(map(float, inp.flatten()), map(float, out.g.flatten()))
    inp.g = torch.tensor([g if x>0 else 0. for x,g in pairs]).view(inp.shape).to(inp.dtype)

def exp_over_sum(x, dim=-1):
    if x.numel()==0: return x.clone()
    e = (x-x.amax(dim, keepdim=True)).exp()
    return e/e.sum(dim, keepdim=True)
def moved(x, dim=-1):
    if not x.numel(): return x
    x = x.movedim(dim, 0)
    e = torch.exp(x-torch.max(x, 0)[0])
    return (e/e.sum(0)).movedim(0, dim)
def log_sum_exp(x, dim=-1):
    if not x.numel(): return x
    m = x.amax(dim, keepdim=True)
    return x-(m+(x-m).exp().sum(dim, keepdim=True).log())
def log_moved(x, dim=-1):
    if not x.numel(): return x
    z = x.transpose(dim, 0)
    z = z-z.max(0).values
    return (z-torch.log(torch.exp(z).sum(0))).transpose(dim, 0)

def ce_by_index(preds, targ): return -log_sum_exp(preds)[torch.arange(len(targ)),targ].mean()
def ce_by_rows(preds, targ): return sum(log_sum_exp(row)[t].neg() for row,t in zip(preds, targ))/len(targ)
def ce_by_one_hot(preds, targ):
    hot = torch.zeros_like(preds)
    hot[range(len(targ)),targ] = 1
    return torch.where(hot==1, -log_sum_exp(preds), 0).sum()/len(preds)
def ce_by_logsumexp(preds, targ): return (preds.logsumexp(1)-preds.gather(1, targ[:,None]).squeeze(1)).mean()

def network(inp, targ, w1, b1, w2, b2):
    l1 = inp@w1+b1
    l2 = l1*(l1>0)
    d = (l2@w2+b2)[:,0]-targ
    g = (2*d/len(d))[:,None]
    w2.g,b2.g = l2.t()@g,g.sum(0)
    h = (g@w2.t())*(l1>0)
    w1.g,b1.g,inp.g = inp.t()@h,h.sum(0),h@w1.t()
    return (d@d)/len(d)

class OwnRelu:
    def __call__(self, inp):
        self.inp = inp
        self.out = inp*(inp>0)
        return self.out
    def backward(self): self.inp.g = self.out.g*(self.inp>0)

class OwnLin:
    def __init__(self, w, b): self.w,self.b = w,b
    def __call__(self, inp):
        self.inp,self.out = inp,inp@self.w+self.b
        return self.out
    def backward(self): lin_by_einsum(self.inp, self.out, self.w, self.b)

class OwnMse:
    def __call__(self, inp, targ):
        self.inp,self.d = inp,inp[:,0]-targ
        return (self.d**2).sum()/len(self.d)
    def backward(self): self.inp.g = (2*self.d/len(self.d))[:,None]

class OwnCrossEntropy:
    def __call__(self, inp, targ):
        self.inp,self.targ = inp,targ
        return ce_by_index(inp, targ)
    def backward(self):
        self.inp.g = exp_over_sum(self.inp)
        self.inp.g[range(len(self.targ)),self.targ] -= 1
        self.inp.g /= len(self.targ)

class OwnModel:
    def __init__(self, w1, b1, w2, b2, loss=None):
        self.l1,self.act,self.l2,self.loss = OwnLin(w1, b1),OwnRelu(),OwnLin(w2, b2),OwnMse() if loss is None else loss
    @classmethod
    def from_sizes(cls, n_in, nh, n_out, loss=None):
        return cls(torch.randn(n_in, nh)*(2/n_in)**.5, torch.zeros(nh), torch.randn(nh, n_out)*(2/nh)**.5, torch.zeros(n_out), loss)
    def predict(self, x): return self.l2(self.act(self.l1(x)))
    def __call__(self, x, targ): return self.loss(self.predict(x), targ)
    def backward(self):
        for o in (self.loss, self.l2, self.act, self.l1): o.backward()
    def parameters(self): return [self.l1.w, self.l1.b, self.l2.w, self.l2.b]

OTHERS = {'mse_grad': [mse_in_place, mse_by_example, mse_by_terms], 'lin_grad': [lin_by_example, lin_by_outer_products, lin_by_einsum],
          'relu_grad': [relu_by_mask, relu_by_output, relu_by_floats],
          'softmax': [exp_over_sum, moved, lambda x, dim=-1: log_sum_exp(x, dim).exp()],
          'log_softmax': [log_sum_exp, log_moved], 'cross_entropy': [ce_by_index, ce_by_rows, ce_by_one_hot, ce_by_logsumexp],
          'forward_and_backward': [network], 'Relu': [OwnRelu], 'Lin': [OwnLin], 'CrossEntropy': [OwnCrossEntropy]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

NAIVE = ('    z = x - x.max(dim, keepdim=True).values\n', '    z = x\n')
WRONG = {
    'mse_grad': [('2*', ''), ('2*', '4*'), ('/targ.numel()', ''), ('/targ.numel()', '*targ.numel()'),
                 ('inp-targ[...,None]', 'targ[...,None]-inp'),
                 ('[...,None])', ')'), ('inp.g =', 'targ.g ='), ('inp.g =', 'return'), ('inp-targ', 'inp+targ'),
                 ('2*(inp-targ[...,None])', '(inp-targ[...,None])**2'),
                 ('targ.numel()', '(targ.numel()-1)'), ('/targ.numel()', '/targ.numel()**0.5'),
                 ('inp-targ[...,None]', 'inp.sub_(targ[...,None])'),
                 ('2*(inp-targ[...,None])', '2*(inp-targ[...,None]).sign()'), ('.numel()', '.numel()+1'),
                 ('2*(inp-targ[...,None])/targ.numel()', '(2*(inp-targ[...,None])/targ.numel()).squeeze(-1)')],
    'relu_grad': [('<=', '<'), ('<=', '>'), ('out.g.masked_fill', 'torch.ones_like(out.g).masked_fill'), ('inp<=0', 'out.g<=0'),
                  ('out.g.masked_fill', 'out.masked_fill'),
                  ('<=0, 0', '<=0, 1'), ('masked_fill(inp<=0, 0)', 'clone()'), ('out.g.masked_fill', 'inp.masked_fill')],
    'lin_grad': [('out.g @ w.t()', 'out.g @ w'), ('out.g @ w.t()', 'w @ out.g'), ('inp.t() @ out.g', 'out.g.t() @ inp'),
                 ('inp.t() @', 'inp @'), ('.sum(0)', '.mean(0)'),
                 ('.sum(0)', '.sum(1)'), ('.sum(0)', '.sum()'), ('.sum(0)', ''), ('.sum(0)', '.sum(0, keepdim=True)'),
                 ('inp.t() @ out.g', 'inp.t() @ out.g/len(inp)'),
                 ('out.g @ w.t()', '-out.g @ w.t()'), ('    w.g = inp.t() @ out.g\n', ''), ('    b.g = out.g.sum(0)\n', ''),
                 ('inp.t() @ out.g', 'inp.t() @ out'),
                 ('.sum(0)', '[0]'), ('inp.g = out.g', 'out.g *= 2; inp.g = out.g'), ('out.g @ w.t()', 'out.g.float() @ w.t().float()')],
    'forward_and_backward': [('relu_grad(l1, l2)', 'l1.g = l2.g'), ('lin_grad(inp, l1, w1, b1)', 'pass'),
                             ('lin_grad(l2, out, w2, b2)', 'lin_grad(l1, out, w2, b2); l2.g = l1.g'),
                             ('return loss', 'return None'), ('l2 = relu(l1)', 'l2 = l1.abs()'),
                             ('mse_grad(out, targ)', 'mse_grad(out, -targ)'),
                             ('return loss', 'return loss*2')],
    'log_softmax': [NAIVE, ('.log()', ''), ('.exp()', ''), ('z - z', 'z + z'), ('z - z', 'x - z'), ('.sum(', '.mean('),
                    (', keepdim=True).log()', ').log()'), ('x.max(dim, keepdim=True).values', 'x.max()'),
                    ('sum(dim,', 'sum(0,'), ('max(dim,', 'max(-1,'), ('dim=-1', 'dim=0'), ('.log()', '.log2()'), ('.max(', '.min('),
                    ('    if not x.numel(): return x.clone()\n', ''),
                    ('z = x -', 'z = x.sub_(0.5) -'), ('return z', 'return 1e-3+z'), ('.log()', '.log1p()'),
                    ('return z', 'return z.detach()'),
                    ('keepdim=True).log()', 'keepdim=True).log().detach()'),
                    ('return z - z.exp().sum(dim, keepdim=True).log()', 'return (z - z.exp().sum(dim, keepdim=True).log()).float()')],
    'softmax': [('.exp()', ''), ('.exp()', '.exp2()'), ('log_softmax(x, dim)', 'log_softmax(x)'),
                ('log_softmax(x, dim)', 'log_softmax(-x, dim)'), ('log_softmax(x, dim)', 'x'),
                ('log_softmax(x, dim).exp()', 'x.exp()/x.exp().sum(dim, keepdim=True)'), ('log_softmax(x, dim).exp()', 'x.sigmoid()'),
                ('dim=-1', 'dim=0'),
                ('log_softmax(x, dim)', 'log_softmax(x, dim).exp()'), ('log_softmax(x, dim).exp()', 'x/x.sum(dim, keepdim=True)'),
                ('.exp()', '.exp().detach()'),
                ('log_softmax(x, dim)', '(log_softmax(x, dim)+1)')],
    'cross_entropy': [('.mean()', '.sum()'), ('-log', 'log'), ('log_softmax(preds)', 'log_softmax(preds, 0)'),
                      ('log_softmax(preds)', 'preds'), ('log_softmax(preds)', 'softmax(preds)'),
                      ('log_softmax(preds)', 'softmax(preds).log()'), ('.gather(1, targ[:,None])', ''),
                      ('.gather(1, targ[:,None])', '[:,targ]'), ('.mean()', ''), ('.mean()', '.mean().item()'),
                      ('.mean()', '/len(targ)'), ('log_softmax(preds)', 'log_softmax(log_softmax(preds).exp())'),
                      ('.gather(1, targ[:,None])', '.max(1).values'),
                      ('targ[:,None]', 'targ[:,None]*0'), ('.mean()', '.mean()/preds.shape[1]'),
                      ('log_softmax(preds)', 'log_softmax(preds-preds.mean())+0.01'), ('.mean()', '.median()')],
    'CrossEntropy': [('/len(targ)', ''), ('softmax(inp) - F.one_hot(targ, inp.shape[1])', 'F.one_hot(targ, inp.shape[1]) - softmax(inp)'),
                     (' - F.one_hot(targ, inp.shape[1])', ''),
                     ('softmax(inp)', 'log_softmax(inp)'), ('softmax(inp)', 'inp'), ('/len(targ)', '/inp.numel()')],
    'Relu': [('relu_grad(inp, out)', 'relu_grad(out, inp)'), ('relu(inp)', 'inp'), ('relu_grad(inp, out)', 'inp.g = None')],
    'Lin': [('self.w, self.b)\n', 'self.w, 0*self.b)\n'), ('lin_grad(inp, out, self.w, self.b)', 'inp.g = None'),
            ('self.w,self.b = w,b', 'self.w,self.b = w.clone(),b.clone()')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    f = as_a_readers(name, change)
    assert verdict(name, f).state=='wrong', change

def test_what_an_exercise_does_without_is_told():
    def by_autograd(inp, targ):
        x = inp.clone().requires_grad_()
        ((x[:,0]-targ)**2).mean().backward()
        inp.g = x.grad
    assert 'it uses' in verdict('mse_grad', by_autograd).text
    assert 'it uses softmax' in verdict('softmax', lambda x, dim=-1: x.softmax(dim)).text
    assert 'it uses logsumexp' in verdict('log_softmax', lambda x, dim=-1: x-x.logsumexp(dim, keepdim=True)).text
    assert 'it uses cross_entropy' in verdict('cross_entropy', lambda preds, targ: nn.functional.cross_entropy(preds, targ)).text

# what readers wrote, and what they are told

def put(o, g): o.g = g if getattr(o, 'g', None) is None else o.g+g
def mse_adds(inp, targ): put(inp, 2*(inp-targ[:,None])/len(inp))
def relu_adds(inp, out): put(inp, out.g*(inp>0))
def lin_adds(inp, out, w, b):
    put(inp, out.g@w.t())
    put(w, inp.t()@out.g)
    put(b, out.g.sum(0))
class ReluAdds(OwnRelu):
    def backward(self): put(self.inp, self.out.g*(self.inp>0))
class LinAdds(OwnLin):
    def backward(self): lin_adds(self.inp, self.out, self.w, self.b)
class EntropyAdds(OwnCrossEntropy):
    def backward(self):
        old = getattr(self.inp, 'g', None)
        super().backward()
        if old is not None: self.inp.g = self.inp.g+old
class OtherNames:
    def __init__(self, w, b): self.weight,self.bias = w,b
    def __call__(self, inp):
        self.inp,self.out = inp,inp@self.weight+self.bias
        return self.out
    def backward(self): lin_by_einsum(self.inp, self.out, self.weight, self.bias)

def lin_means(inp, out, w, b): inp.g,w.g,b.g = out.g@w.t(),inp.t()@out.g/len(inp),out.g.sum(0)/len(inp)
def lin_w_mean(inp, out, w, b): inp.g,w.g,b.g = out.g@w.t(),inp.t()@out.g/len(inp),out.g.sum(0)
def lin_of_outputs(inp, out, w, b): inp.g,w.g,b.g = out@w.t(),inp.t()@out,out.sum(0)
def lin_w_of_outputs(inp, out, w, b): inp.g,w.g,b.g = out.g@w.t(),inp.t()@out,out.g.sum(0)

def ce_one_hot_of_softmax(preds, targ):
    return -(nn.functional.one_hot(targ, preds.shape[1])*exp_over_sum(preds).log()).sum(1).mean()
def ce_narrow(preds, targ): return -(nn.functional.one_hot(targ)*log_sum_exp(preds)).sum(1).mean()
def ce_global_max(preds, targ):
    z = preds-preds.max()
    return -(z-z.exp().sum(1, keepdim=True).log())[range(len(targ)),targ].mean()
def ce_columns(preds, targ):
    p = preds.exp()
    return -(p/p.sum(0))[range(len(targ)),targ].log().mean()
def softmax_columns(x, dim=-1): return x.exp()/x.exp().sum(0)

class WholeColumns(OwnCrossEntropy):
    def backward(self):
        self.inp.g = exp_over_sum(self.inp)
        self.inp.g[:,self.targ] -= 1
        self.inp.g /= len(self.targ)
class NarrowTarget(OwnCrossEntropy):
    def backward(self): self.inp.g = (exp_over_sum(self.inp)-nn.functional.one_hot(self.targ))/len(self.targ)

@pytest.mark.parametrize('name,f,text', [
    *[(name, f, 'the gradients add up over two') for name,f in (('mse_grad', mse_adds), ('relu_grad', relu_adds), ('lin_grad', lin_adds),
                                                                ('Relu', ReluAdds), ('Lin', LinAdds), ('CrossEntropy', EntropyAdds))],
    ('Lin', OtherNames, 'weights and biases are kept under other names'),
    ('lin_grad', lin_means, 'the gradients of weights and biases are divided'),
    ('lin_grad', lin_w_mean, 'the gradient of the weights is div'),
    ('lin_grad', lin_of_outputs, 'all three gradients are computed from the outputs'),
    ('lin_grad', lin_w_of_outputs, '`w.g` is computed from the outputs'),
    ('cross_entropy', ce_one_hot_of_softmax, 'a probability was rounded to 0: its'),
    ('cross_entropy', ce_narrow, '`F.one_hot(targ)` makes'),
    ('cross_entropy', ce_global_max, 'the largest number of all'), ('cross_entropy', ce_columns, 'the sum goes down the columns'),
    ('softmax', softmax_columns, 'the sum goes over dimension 0'), ('CrossEntropy', WholeColumns, 'every row loses 1'),
    ('CrossEntropy', NarrowTarget, '`F.one_hot(targ)` makes')])
def test_a_usual_mistake_of_readers_is_told(name, f, text):
    v = verdict(name, f)
    assert v.mistake.startswith(text), v.text

@pytest.mark.parametrize('old,new,text', [
    ('squeeze(-1)', 'squeeze()', 'it fails where there is a single example: `squeeze()` drops'),
    ('relu_grad(l1, l2)', 'relu_grad(l2, l1)', 'if a `.g` is asked for before it is set'),
    ('mse_grad(out, targ)\n    lin_grad(l2, out, w2, b2)', 'lin_grad(l2, out, w2, b2)\n    mse_grad(out, targ)', 'if a `.g` is asked for')])
def test_a_mistake_in_the_backward_pass_is_told(old, new, text):
    v = verdict('forward_and_backward', as_a_readers('forward_and_backward', (old, new)))
    assert v.mistake.startswith(text), v.text

def test_a_loss_that_is_not_kept_is_told():
    here = {'Model': OwnModel, '__name__': '__main__'}
    exec('class Deep(Model):\n    def __init__(self, layers, loss):\n        self.layers = layers\n        loss = loss\n'
         '    def __call__(self, x, targ):\n        for o in self.layers: x = o(x)\n        return self.loss(x, targ)\n'
         '    def backward(self):\n        self.loss.backward()\n        for o in self.layers[::-1]: o.backward()', here)
    v = verdict('03.5', here['Deep'])
    assert v.mistake.startswith('the model has no `loss`'), v.text

def test_a_cross_entropy_that_is_wrong_is_told_to_its_layer():
    f = as_a_readers('CrossEntropy')
    f.forward.__globals__['cross_entropy'] = lambda preds, targ: ce_by_index(preds, targ)*2
    v = verdict('CrossEntropy', f)
    assert 'what `cross_entropy` gives, and that is not right' in v.text, v.text

def test_what_is_missing_is_told_by_its_name():
    v = verdict('lin_grad', as_a_readers('lin_grad', ('    b.g = out.g.sum(0)\n', '')))
    assert 'b.g: nothing, not a tensor' in v.text and v.mistake=='`b.g` is not set', v.text
