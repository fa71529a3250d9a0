"Chapter 7: convolutions, batch normalisation, and how networks are compared."
# mypy: ignore-errors
import torch
import torch.nn.functional as F
from torch import nn
from .spec import check, made, randn

CONVOLUTIONS = 'numpy','conv1d','conv2d','conv3d','convolution','_convolution','conv_transpose2d','mkldnn_convolution','scipy'
NORMS = 'numpy','batch_norm','native_batch_norm','layer_norm','group_norm','instance_norm','native_layer_norm'

def whole(*o): return torch.tensor(o, dtype=torch.float64)

# convolution

def convolutions():
    "Images, kernels, biases, and perhaps stride and padding: images that are not square, kernels of all sizes, several channels"
    yield whole([[[1.,2.],[3.,4.]]]),whole([[[1.,0.],[0.,2.]]]),whole(0.)
    yield whole([[[1.,2.],[3.,4.]]]),whole([[[1.,0.],[0.,2.]]]),whole(10.)
    yield whole([[[1.,2.,3.]]]),whole([[[1.,-2.]]]),whole(0.)
    yield whole([[[1.],[2.],[4.]]]),whole([[[1.],[-2.]]]),whole(0.)
    yield whole([[[1.,2.],[3.,4.]], [[5.,6.],[7.,8.]]]),whole([[[1.]], [[10.]]]),whole(0.)
    yield whole([[[1.,2.,3.,4.]]]),whole([[[1.,2.]]]),whole(0.),2
    yield whole([[[1.,2.]]]),whole([[[1.,2.,4.]]]),whole(0.),1,1
    sizes = [(1,1,3,3,1,2,2), (2,1,4,4,1,3,3), (1,2,4,5,3,3,3), (2,3,5,4,2,2,3), (1,1,5,6,2,1,1),
             (3,2,6,6,4,3,2), (2,2,3,3,2,3,3), (1,4,7,5,3,5,3)]
    for i,(n,c,h,w,out,kh,kw) in enumerate(sizes):
        for j,dtype in enumerate((torch.float64, torch.float32)[:1+(i in (2,5))]):
            given = randn(n,c,h,w, seed=3*i, dtype=dtype),randn(out,c,kh,kw, seed=3*i+1, dtype=dtype),randn(out, seed=3*i+2, dtype=dtype)
            for args in ((), (1,1), (2,), (2,1), (3,2))[:5 if not j else 2]: yield given+args
    yield randn(2,5,4,3, seed=1).permute(0,3,1,2),randn(2,2,2,3, seed=2).permute(0,3,1,2),randn(4, seed=3)[::2],1,1
    yield tuple(randn(*o, seed=7).requires_grad_() for o in ((2,2,4,4), (3,2,2,2), (3,)))

def convolved(x, w, b, stride=1, padding=0): return F.conv2d(x.double(), w.double(), b.double(), stride, padding).to(x.dtype)

def squared(x, w, b, stride=1, padding=0):
    out = convolved(x, w, b, stride, padding)
    return out.reshape(*out.shape[:2], out.shape[3], out.shape[2])

def one_way(x, w, b, stride=1, padding=0): return convolved(x, w, b, (1,stride), padding)

def must_fit(positions, taken=lambda size, k, stride, padding: (size+2*padding-k)//stride+1):
    "An error unless so many positions are as many as are taken"
    def wrong(x, w, b, stride=1, padding=0):
        for size,k in zip(x.shape[2:], w.shape[2:]):
            if positions(size, k, stride, padding)!=taken(size, k, stride, padding): raise RuntimeError('the shape does not fit')
        return convolved(x, w, b, stride, padding)
    return wrong

def bias_across(x, w, b, stride=1, padding=0): return convolved(x, w, 0*b, stride, padding)+b  # an error unless the sizes fit

check('basic_conv', '07', convolutions, names=('x', 'w', 'b', 'stride', 'padding'), without=CONVOLUTIONS, near=1e-9,
      same=('basic_conv', 'conv2d'),
      hints=('What shape does `F.unfold(x, ks, padding=padding, stride=stride)` have, with `ks` the height and width of a kernel? Each '
          'column is one position. Which shape must the kernels get, so that one matrix product gives a number for each kernel and '
          'position?',
          'The columns are (n, c_in*kh*kw, positions). Flatten the kernels to (c_out, c_in*kh*kw), multiply, and add the biases as a '
          'column, `b[:,None]`. Then view the result as (n, c_out, height, width); along an axis there are (size + 2*padding - k)//stride'
          ' + 1 positions.'), mistakes={
    'the biases are missing: add one to each output channel': lambda x, w, b, *o: convolved(x, w, 0*b, *o),
    'the kernels are turned round; in deep learning a convolution slides the kernel as it is':
        lambda x, w, b, *o: convolved(x, w.flip(2,3), b, *o),
    'the kernels are transposed: their first axis goes with the rows of the image':
        lambda x, w, b, *o: convolved(x, w.mT.reshape(w.shape), b, *o),
    '`stride` makes no difference: the kernel moves by so many pixels': lambda x, w, b, stride=1, padding=0: convolved(x, w, b, 1, padding),
    '`padding` makes no difference: it is so many pixels of 0 on each side':
        lambda x, w, b, stride=1, padding=0: convolved(x, w, b, stride),
    'the kernel moves by `stride` to the right only; downwards, too': one_way,
    'height and width of the result are swapped': squared,
    'only the first channel counts; add up the products of all channels': lambda x, w, b, *o: convolved(x[:,:1], w[:,:1], b, *o),
    'this is the mean over the kernel; a convolution is a sum': lambda x, w, b, *o: convolved(x, w/w[0].numel(), b, *o),
    'this is the mean over the channels; a convolution adds them up': lambda x, w, b, *o: convolved(x, w/w.shape[1], b, *o),
    'the biases are added along the width; each belongs to a channel, so give them two more axes: `b[:,None,None]`': bias_across,
    'the size of the result counts the padding on one side only; it is on both: `size + 2*padding`':
        must_fit(lambda n, k, s, p: (n+p-k)//s+1),
    'the size of the result is one too small: n-k steps make n-k+1 positions': must_fit(lambda n, k, s, p: (n+2*p-k)//s),
    'the columns are taken with a stride that the size of the result has not, or the other way round: both count it, `stride=stride` in '
    '`F.unfold`, and `(size + 2*padding - k)//stride + 1`':
        must_fit(lambda n, k, s, p: (n+2*p-k)//s+1, lambda n, k, s, p: n+2*p-k+1),
    'the columns are taken with a padding that the size of the result has not, or the other way round: both count it, `padding=padding` in '
    '`F.unfold`, and `size + 2*padding`':
        must_fit(lambda n, k, s, p: (n+2*p-k)//s+1, lambda n, k, s, p: (n-k)//s+1),
    'each output channel gets the mean of the biases; it has one of its own':
        lambda x, w, b, *o: convolved(x, w, b.mean().expand(b.shape), *o),
    'the biases are subtracted; add them': lambda x, w, b, *o: convolved(x, w, -b, *o),
    'without being told, the stride is not 1; it should be': lambda x, w, b, stride=2, padding=0: convolved(x, w, b, stride, padding),
    'without being told, the padding is not 0; it should be': lambda x, w, b, stride=1, padding=1: convolved(x, w, b, stride, padding),
    'the padding is on the left and at the top only; it is on all four sides':
        lambda x, w, b, stride=1, padding=0: convolved(F.pad(x, (padding,0,padding,0)), w, b, stride)})(convolved)

# batch normalisation

def norms():
    "What to look at, the batches, and settings: eps and momentum"
    small = whole([[[1.,3.]]], [[[5.,7.]]])
    def batches(n, *shape, seed=0, dtype=torch.float64): return [2*randn(*shape, seed=seed+i, dtype=dtype)+i+1 for i in range(n)]
    yield 'training',[small],{}
    yield 'training',[2*small+1],{'eps': 1.}
    yield 'running statistics',[small],{}
    yield 'running statistics',[small, 3*small],{'momentum': 0.5}
    yield 'evaluation',[small, small],{}
    yield 'evaluation',[small, 3*small, small+1],{'momentum': 0.5}
    yield 'what is saved',[small],{}
    for i,shape in enumerate([(2,2,1,1), (2,3,2,2), (4,1,3,2), (1,2,3,3), (5,4,2,3)]):
        for what in ('training', 'with other gamma and beta', 'running statistics', 'evaluation'):
            yield what,batches(3, *shape, seed=10*i),{}
    yield 'gradients',batches(1, 3,2,2,2, seed=60),{}
    yield 'gradients',batches(1, 2,1,3,2, seed=61),{}
    yield 'training',[torch.full((2,2,2,2), 3., dtype=torch.float64)],{}
    yield 'training',batches(1, 4,2,2,2, seed=62),{'eps': 1.}
    yield 'running statistics',batches(4, 3,2,2,2, seed=63),{'momentum': 0.3}
    yield 'evaluation',batches(3, 3,2,2,2, seed=64),{'eps': 0.5, 'momentum': 0.3}
    yield 'with other gamma and beta',batches(2, 3,2,4,4, seed=65, dtype=torch.float32),{}
    yield 'evaluation',batches(2, 3,2,4,4, seed=66, dtype=torch.float32),{}
    yield 'what is saved',batches(1, 3,5,2,2, seed=67),{}

def scales(c, dtype): return torch.arange(1., c+1, dtype=dtype)*0.5,torch.arange(1., c+1, dtype=dtype)-1.5

def use_norm(cls, what, batches, settings):
    "What comes out of a layer after training on all but the last of `batches`, and what it keeps"
    c,dtype = batches[0].shape[1],batches[0].dtype
    norm = cls(c, **settings)
    params = list(norm.parameters())
    ones = [p for p in params if p.numel()==c and (p==1).all()]
    zeros = [p for p in params if p.numel()==c and (p==0).all()]
    if len(params)!=2 or len(ones)!=1 or len(zeros)!=1:
        return {'parameters': f'{len(params)}, {len(ones)} of {c} ones and {len(zeros)} of {c} zeros'}
    state = norm.state_dict()
    found = {'parameters': f'2, 1 of {c} ones and 1 of {c} zeros'}
    if what=='what is saved':
        return found | {'the buffer `mean` has zeros at first': 'mean' in state and not state['mean'].any(),
                        'the buffer `var` has ones at first': 'var' in state and bool((state['var']==1).all())}
    norm = norm.to(dtype)
    norm.train()
    if what in ('with other gamma and beta', 'evaluation', 'gradients'):
        with torch.no_grad():
            for p,o in zip((ones[0], zeros[0]), scales(c, dtype)): p.copy_(o.view(p.shape))
    if what=='gradients':
        with torch.enable_grad():
            x = batches[0].clone().requires_grad_()
            out = norm(x)
            grads = torch.autograd.grad((out*numbered(out)).sum(), (x, ones[0], zeros[0]), allow_unused=True)
        return found | {f'gradient of {k}': None if g is None else g.detach().view(-1 if k!='x' else x.shape)
                        for k,g in zip(('x', 'gamma', 'beta'), grads)}
    for x in batches[:-1]:
        with torch.enable_grad(): norm(x.clone().requires_grad_())
    if what=='evaluation':
        norm.eval()
        found |= {'in evaluation': norm(batches[-1]).detach()}
        return found | {'again': norm(batches[-1]).detach(), 'the mean kept': norm.mean.detach().flatten()}
    out = norm(batches[-1])
    if what!='running statistics': return found | {'in training': out.detach()}
    return found | {'the mean kept': norm.mean.detach().flatten(), 'the variance kept': norm.var.detach().flatten(),
                    'they need no gradient': not (norm.mean.requires_grad or norm.var.requires_grad)}

def numbered(x): return torch.arange(1, x.numel()+1, dtype=x.dtype).view(x.shape).sin()

def norm_wanted(what, batches, settings):
    c,dtype = batches[0].shape[1],batches[0].dtype
    eps,momentum = settings.get('eps', 1e-5),settings.get('momentum', 0.1)
    told = {'parameters': f'2, 1 of {c} ones and 1 of {c} zeros'}
    if what=='what is saved': return told | {'the buffer `mean` has zeros at first': True, 'the buffer `var` has ones at first': True}
    gamma,beta = [o.double() for o in scales(c, dtype)] if what in ('with other gamma and beta', 'evaluation', 'gradients') else (None,None)
    mean,var = torch.zeros(c, dtype=torch.float64),torch.ones(c, dtype=torch.float64)
    def norm(x, train): return F.batch_norm(x.double(), mean, var, gamma, beta, train, momentum, eps).to(dtype)
    if what=='gradients':
        with torch.enable_grad():
            x = batches[0].double().requires_grad_()
            for o in (gamma, beta): o.requires_grad_()
            out = F.batch_norm(x, None, None, gamma, beta, True, momentum, eps)
            grads = torch.autograd.grad((out*numbered(out)).sum(), (x, gamma, beta))
        return told | {f'gradient of {k}': g.to(dtype) for k,g in zip(('x', 'gamma', 'beta'), grads)}
    for x in batches[:-1]: norm(x, True)
    if what=='evaluation':
        out = norm(batches[-1], False)
        return told | {'in evaluation': out, 'again': out, 'the mean kept': mean.to(dtype)}
    out = norm(batches[-1], True)
    if what!='running statistics': return told | {'in training': out}
    return told | {'the mean kept': mean.to(dtype), 'the variance kept': var.to(dtype), 'they need no gradient': True}

def norm_with(dims=(0,2,3), correction=0, kept=1, weight=lambda m: m, in_eval='kept', in_training='batch',
              root=lambda v, eps: (v+eps).sqrt(),
              learned=True, detach=True, updates_in_eval=False, buffers=True, through=True, gamma=True, starts=(0.,1.),
              beta=True, minus=1., count=lambda x: x.numel()//x.shape[1], kept_from=0, updates=True, begins=(1.,0.), default=0.1,
              swapped=False, corrected=lambda v, n, kept: v*n/(n-kept), join=lambda gamma, y, beta: gamma*y + beta):
    "Batch normalisation with a mistake in one of its parts"
    class Wrong(nn.Module):
        def __init__(self, c, eps=1e-5, momentum=default):
            super().__init__()
            self.eps,self.momentum = (momentum,eps) if swapped else (eps,weight(momentum))
            g,b = (torch.full((c,1,1), o) for o in begins)
            self.gamma,self.beta = (nn.Parameter(g),nn.Parameter(b)) if learned else (g,b)
            for name,start in zip(('mean', 'var'), starts):
                if buffers: self.register_buffer(name, torch.full((c,1,1), start))
                else: setattr(self, name, torch.full((c,1,1), start))
        def forward(self, x):
            mean,var = self.mean,self.var
            if self.training or in_eval=='batch' or updates_in_eval:
                m,v = x.mean(dims, keepdim=True),x.var(dims, correction=correction, keepdim=True)
                if not through: m,v = m.detach(),v.detach()
                n = count(x)
                if updates and (self.training or updates_in_eval):
                    a,b = x.mean((0,2,3))[:,None,None],x.var((0,2,3), correction=kept_from)[:,None,None]
                    a,b = a.detach() if detach else a,corrected(b.detach() if detach else b, n, kept)
                    self.mean,self.var = [(1-self.momentum)*old+self.momentum*new for old,new in ((self.mean, a), (self.var, b))]
                if (self.training and in_training=='batch') or (not self.training and in_eval=='batch'): mean,var = m,v
            y = (x-minus*mean)/root(var, self.eps)
            if not gamma: return y + self.beta
            return join(self.gamma, y, self.beta) if beta else self.gamma*y
    return made(use_norm, Wrong)

check('BasicNorm', '07', norms, use=use_norm, near=1e-9, names=('what', 'batches', 'settings'), without=NORMS,
      same=('BasicNorm', 'BatchNorm'),
      hints=('A statistic of a channel goes over three of the four axes (n,c,h,w): which? What shape must it have to be subtracted from '
          'the images? Write the formula first, then ask what is different when `self.training` is false.',
          'Parameters `gamma` of ones and `beta` of zeros and the buffers `mean` of zeros and `var` of ones all have the shape (c,1,1). '
          'In training take mean and variance over (0,2,3), with `correction=0`, and let each buffer move towards them by `momentum` '
          '(`lerp_` and `detach`), the variance times n/(n-1), where n counts the numbers of a channel. Both ways end with the formula, '
          '`eps` under the root.'), mistakes={
    'the batch is normalised with the variance divided by n-1; here it is that of the batch itself, divided by n: `correction=0`':
        norm_with(correction=1),
    'the variance that is kept is divided by n; it is an estimate for all images, so divide by n-1': norm_with(kept=0),
    'each pixel has statistics of its own; they are those of a channel, over all images and all their pixels: `(0,2,3)`':
        norm_with(dims=(0,)),
    'each image is normalised alone; the statistics of a channel are over all images of the batch: `(0,2,3)`': norm_with(dims=(2,3)),
    'all channels share their statistics; each has its own, over `(0,2,3)`': norm_with(dims=(0,1,2,3)),
    'each image is normalised over its channels and pixels; that is layer normalisation': norm_with(dims=(1,2,3)),
    '`momentum` multiplies the old average; it is the weight of the new batch': norm_with(weight=lambda m: 1-m),
    'in evaluation the batch is normalised with its own statistics; use the running ones': norm_with(in_eval='batch'),
    'in training the batch is normalised with the running statistics; use its own': norm_with(in_training='kept'),
    '`eps` is added to the standard deviation; add it to the variance, under the root': norm_with(root=lambda v, eps: v.sqrt()+eps),
    'this divides by the variance; divide by its root': norm_with(root=lambda v, eps: v+eps),
    '`eps` is missing: a channel whose numbers are all equal is divided by 0': norm_with(root=lambda v, eps: v.sqrt()),
    'the variance is divided by n-1 for both; only what is kept is, and it is corrected once': norm_with(correction=1, kept_from=1),
    'training and evaluation do the same; look at `self.training`, and use and change the running statistics accordingly':
        norm_with(in_eval='batch', updates_in_eval=True),
    'the running statistics never change: in training they move towards those of the batch': norm_with(updates=False),
    'training does the same as evaluation; in training use the statistics of the batch, and keep them':
        norm_with(updates=False, in_training='kept'),
    'the mean is not subtracted': norm_with(minus=0.),
    'the mean is added; subtract it': norm_with(minus=-1.),
    'the correction of the variance counts the images; n is the number of all their pixels in a channel': norm_with(count=len),
    'the mean minus the image: this changes the sign; subtract the mean from the image':
        norm_with(join=lambda gamma, y, beta: beta - gamma*y),
    'beta is subtracted; add it': norm_with(join=lambda gamma, y, beta: gamma*y - beta),
    'gamma is added; multiply by it': norm_with(join=lambda gamma, y, beta: gamma + y + beta),
    'this multiplies by the standard deviation; divide by it': norm_with(root=lambda v, eps: 1/(v+eps).sqrt()),
    'gamma begins at 0 and beta at 1; it is the other way round': norm_with(begins=(0.,1.)),
    'gamma begins at 0, so that every image gives the same; it begins at 1': norm_with(begins=(0.,0.)),
    'beta begins at 1; it begins at 0': norm_with(begins=(1.,1.)),
    '`eps` and `momentum` are kept under each other\'s name': norm_with(swapped=True),
    'without being told, `momentum` is 0.9; it should be 0.1, as it is the weight of the new batch': norm_with(default=0.9),
    'the correction of the variance is upside down: multiply by n/(n-1)': norm_with(corrected=lambda v, n, kept: v*(n-kept)/n),
    'the correction of the variance counts the numbers of all channels; n is that of one channel': norm_with(count=torch.numel),
    'the running mean begins at 1; it begins at 0': norm_with(starts=(1.,1.)),
    'the running variance begins at 0; it begins at 1': norm_with(starts=(0.,0.)),
    'beta makes no difference: add it': norm_with(beta=False),
    'gamma and beta are not trained: wrap them in `nn.Parameter`': norm_with(learned=False),
    'gamma makes no difference: multiply by it': norm_with(gamma=False),
    'the running statistics hold on to the graph of every batch: `detach` what is added': norm_with(detach=False),
    'the running statistics change in evaluation, too; look at `self.training`': norm_with(updates_in_eval=True),
    'the running statistics are not saved with the model: register `mean` and `var` as buffers': norm_with(buffers=False),
    'no gradient flows through mean and variance of the batch; only what is kept is detached': norm_with(through=False)})(norm_wanted)

# networks: parameters are filled by their kind and shape, so that what comes out does not depend on their order

def kind_of(module, p):
    "What the parameter `p` of `module` is"
    if p.ndim>=4: return 'convolution'
    if p.ndim==2: return 'linear'
    if isinstance(module, nn.modules.batchnorm._BatchNorm): return 'gamma' if p is module.weight else 'beta'
    return 'gamma' if (p==1).all() else 'beta' if (p==0).all() else 'bias'

def shape_of(kind, p): return tuple(p.shape) if kind in ('convolution', 'linear') else (p.numel(),)

def values_for(kind, shape, dtype):
    at = torch.arange(1., torch.Size(shape).numel()+1, dtype=torch.float64).view(shape)
    v = {'gamma': 0.8+0.9*(1.3*at).sin(), 'beta': 0.3*(at*1.7).cos()}.get(kind)
    if v is None: v = (1.9*at+0.4).sin()*(2/max(1, at.numel()//shape[0]))**0.5
    return v.to(dtype)

@torch.no_grad()
def filled(module, dtype):
    "The module with parameters by kind and shape, and a text that counts these"
    counts = {}
    module = module.to(dtype)
    for m in module.modules():
        for p in m.parameters(recurse=False):
            kind = kind_of(m, p)
            counts[kind,shape_of(kind, p)] = counts.get((kind,shape_of(kind, p)), 0)+1
    for m in module.modules():
        for p,kind in [(p, kind_of(m, p)) for p in m.parameters(recurse=False)]:
            p.copy_(values_for(kind, shape_of(kind, p), dtype).view(p.shape))
    return module,'; '.join(f"{n} {kind} {'x'.join(map(str, shape))}" for (kind,shape),n in sorted(counts.items()))

def use_network(f, what, x, *args):
    "Parameters, output in training or in evaluation, and which parameters get no gradient"
    if what=='evaluation' and x.requires_grad: x = x.detach()
    module,text = filled(f(*args), x.dtype)
    module.train()
    told = {'parameters': text}
    if what=='evaluation':
        module(x)
        module.eval()
        return told | {'in evaluation': module(x).detach()}
    with torch.enable_grad():
        out = module(x)
        told |= {'in training': out.detach()}
        (out*numbered(out)).sum().backward()
    return told | {'parameters without a gradient': sum(p.grad is None for p in module.parameters())}

def networks(*all_args, least=1):
    def inputs():
        for i,args in enumerate(all_args):
            sizes = [(2,2,3), (3,4,4), (1,5,4), (2,3,3)] if least==1 else [(2,8,8), (2,16,9), (3,17,16)]
            for j,(n,h,w) in enumerate(sizes[:4 if i<3 else 2]):
                n_in = args[1] if least>1 and len(args)>1 else args[0] if least==1 else 1
                x = randn(n, n_in, h, w, seed=10*i+j)
                for what in ('training', 'evaluation')[:1+(j<2)]: yield what,x,*args
        yield 'training',x.float(),*args
    return inputs

def network_of(build):
    "An oracle from `build`, which gives a module"
    def want(what, x, *args): return use_network(build, what, x, *args)
    return want

class Apply(nn.Module):
    "Layers by name, and what `f` makes of them and the input"
    def __init__(self, f, **layers):
        super().__init__()
        for k,o in layers.items(): self.add_module(k, o)
        self.f = f
    def forward(self, x): return self.f(self, x)

def network(build):
    def wrong(*args): return build(*args)
    return made(use_network, wrong)
