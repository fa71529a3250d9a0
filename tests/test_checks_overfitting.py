"Chapter 8: other right ways pass the checks, and wrong ones do not."
import pytest, torch
import torch.nn.functional as F
from torch import nn
from fastfound.checking import verdict
from test_checks import as_a_readers

def distort_by_uniform(x, most=0.2):
    n = x.shape[0]
    theta = torch.empty(n, 2, 3).uniform_(-most, most)
    theta[:,0,0] += 1
    theta[:,1,1] += 1
    return F.grid_sample(x.reshape(n, 1, 28, 28), F.affine_grid(theta, [n, 1, 28, 28], align_corners=False), align_corners=False,
                         padding_mode='border').flatten(1)
def distort_one_by_one(x, most=0.2):
    out = []
    for o in x:
        m = (torch.eye(2,3)+(torch.rand(2,3)-0.5)*2*most)[None]
        out.append(F.grid_sample(o.view(1,1,28,28), F.affine_grid(m, (1,1,28,28), align_corners=True), align_corners=True).view(784))
    return torch.stack(out)

def dropout_by_bernoulli(x, p): return x*torch.bernoulli(torch.full_like(x, 1-p))/(1-p)
def dropout_by_where(x, p): return torch.where(torch.rand_like(x)<p, torch.zeros_like(x), x/(1-p))
def dropout_by_fill(x, p): return x.masked_fill(torch.empty(x.shape).uniform_()<p, 0)*(1/(1-p))
class OwnDropout(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.keep = 1-p
    def forward(self, x):
        if not self.training: return x
        mask = (torch.rand_like(x)<self.keep).to(x.dtype)
        return mask*x/self.keep

def smooth_by_scatter(y, eps, c=10): return torch.full((len(y),c), eps/c).scatter_(1, y[:,None], 1-eps+eps/c)
def smooth_by_eye(y, eps, c=10): return ((1-eps)*torch.eye(c)+eps/c)[y]
def loss_by_parts(preds, y, eps=0.1):
    logp = preds-preds.logsumexp(1, keepdim=True)
    return ((1-eps)*-logp[range(len(y)),y]-eps*logp.mean(1)).mean()
def loss_by_sum(preds, y, eps=0.1):
    n,c = preds.shape
    return -(smooth_by_eye(y, eps, c)*F.log_softmax(preds, -1)).sum()/n

OTHERS = {'distort': [distort_by_uniform, distort_one_by_one], 'dropout': [dropout_by_bernoulli, dropout_by_where, dropout_by_fill],
          'Dropout': [OwnDropout],
          'smooth_labels': [smooth_by_scatter, smooth_by_eye], 'smoothed_loss': [loss_by_parts, loss_by_sum]}

@pytest.mark.parametrize('name,f', [(name, f) for name,fs in OTHERS.items() for f in fs])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

KEEP = 'torch.rand(x.shape)>=p'
WRONG = {
    'distort': [('len(x),2,3)-1', '1,2,3)-1'), ('2*torch.rand', 'torch.rand'), ('most*(', '2*most*('), ('most*(', '0.2*('),
                ('torch.eye(2,3) +', 'torch.zeros(2,3) +'), ('torch.eye(2,3) +', 'torch.eye(2,3) -2*'),
                ('(len(x),1,28,28), align_corners=False', '(len(x),1,28,28), align_corners=True'), ('.view(-1,784)', ''),
                ('torch.rand', 'torch.randn'), ('most=0.2', 'most=0.1'),
                ("grid, align_corners=False)", "grid, mode='nearest', align_corners=False)"), ('.view(-1,784)', '.view(-1,784)*0.9'),
                ('len(x),2,3)-1)', 'len(x),2,1)-1)'), ('x.view(-1,1,28,28)', 'x.mul_(1.1).view(-1,1,28,28)')],
    'dropout': [('>=', '<'), ('/(1-p)', ''), ('/(1-p)', '/p'), ('/(1-p)', '*(1-p)'), ('x*keep', 'keep'), ('torch.rand', 'torch.randn'),
                (KEEP, 'torch.rand(x.shape[-1:])>=p'), (KEEP, 'torch.rand(())>=p'),
                (KEEP, 'torch.rand(x.shape[:1]+(1,)*(x.ndim-1))>=p'), ('rand(x.shape)',
                    'rand(x.shape, generator=torch.Generator().manual_seed(3))'), ('>=p', '>=p*p'), ('>=p', '>=p/2'), ('>=p', '>=0.5'),
                ('x*keep/(1-p)', 'x.mul_(keep)/(1-p)'), ('x*keep/(1-p)', '(x*keep/(1-p)).float()'),
                ('x*keep/(1-p)', '(x*keep/(1-p)).detach()'), ('x*keep', 'x'), ('/(1-p)', '/(1-p)**0.5'), ('x*keep/(1-p)', 'x[keep]/(1-p)'),
                ('/(1-p)', '/(1+p)'), ('x*keep/(1-p)', 'x*keep/(1-p)+p')],
    'Dropout': [('if self.training else x', ''), ('if self.training', 'if not self.training'), ('self.p)', '0.5)'),
                ('else x', 'else x*(1-self.p)'), ('self.p)', '1-self.p)'), ('else x', 'else x.round()*0'),
                ('self.p = p', 'self.p = nn.Parameter(torch.tensor(p))')],
    'smooth_labels': [('(1-eps)', '1'), ('eps/c', 'eps'), ('+ eps/c', ''), ('eps/c', 'eps/(c-1) if c>1 else eps'),
                      ('one_hot(y, c)', 'one_hot(y, 12)'), ('(1-eps)', 'eps'), ('+ eps/c', '- eps/c'),
                      ('F.one_hot(y, c)*(1-eps) + eps/c', '(F.one_hot(y, c)*(1-eps) + eps/c).double()'),
                      ('c=10', 'c=12')],
    'smoothed_loss': [('.mean()', '.sum()'), ('-(smooth', '(smooth'), ('.sum(1)', ''), ('preds.shape[1])', '10)'),
                      ('eps, preds', '0.1, preds'), ('log_softmax(1)', 'softmax(1)'), ('log_softmax(1)', 'log_softmax(0)'),
                      ('eps=0.1', 'eps=0.'),
                      ('.mean()', ''), ('log_softmax(1)', 'softmax(1).log()'), ('.sum(1)', '.sum(0)'), ('preds.log_softmax(1)', 'preds'),
                      ('.mean()', '.mean().detach()')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

def test_what_an_exercise_does_without_is_told():
    def by_torch(x, p): return F.dropout(x, p)
    class ByLayer(nn.Dropout): "PyTorch's"
    def by_loss(preds, y, eps=0.1): return F.cross_entropy(preds, y, label_smoothing=eps)
    for name,f,what in (('dropout', by_torch, 'dropout'), ('Dropout', ByLayer, 'dropout'), ('smoothed_loss', by_loss, 'cross_entropy')):
        assert f'it uses {what}' in verdict(name, f).text
