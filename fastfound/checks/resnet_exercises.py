"The exercises of chapter 7: sizes, kernels and weights by thought, a merged layer, receptive fields, blocks that begin as the identity."
# mypy: ignore-errors
import copy
import torch
import torch.nn.functional as F
from torch import nn
from .facts import as_number, as_tensor, given
from .spec import check, exercise, made, randn

# 1. the strides and paddings that fit

FIT = {(s,p) for s in range(1, 5) for p in range(3) if len(range(0, 28+2*p-2, s))==7}

def pairs(answer):
    "What is true of a list of pairs"
    try: found = [tuple(int(i) for i in o) for o in answer]
    except (TypeError, ValueError): found = [()]
    told = {'it is a list of pairs `(stride, padding)`': all(len(o)==2 for o in found)}
    if not all(told.values()): return told
    asked = all(o[0] in range(1, 5) and o[1] in range(3) for o in found)
    return told | {'every stride is from 1 to 4 and every padding from 0 to 2': asked,
                   'every pair makes 7 by 7 pixels': set(found)<=FIT, 'every pair that does is there': FIT<=set(found),
                   'each stands there once': len(set(found))==len(found),
                   'the pairs': 'of those that fit' if set(found)<=FIT else str(sorted(set(found)))}

@exercise('07.1', use=pairs, facts=True, mistakes={
    'the pairs are the other way round: first the stride, then the padding': given(pairs, [(p,s) for s,p in FIT]),
    'seven positions are only six steps: six strides must fit into `28 + 2*padding - 3`, not seven': given(pairs, [(4,2)]),
    'a pair is missing: the last position need not end at the edge, up to `stride-1` pixels may be left over': given(pairs, [(4,0)]),
    'one pair is too many: the padding is on both sides, and with a padding of 2 there are 29 pixels for the steps, room for seven of 4':
        given(pairs, [(4,0), (4,1), (4,2)])})
def fitting(): return pairs(sorted(FIT))

# 2. kernels that move and blur

def kernels():
    "Images: one dot, and more"
    dot = torch.zeros(5,5)
    dot[2,2] = 1
    yield dot,
    for i,shape in enumerate([(4,6), (7,3), (9,9)]): yield randn(*shape, seed=i, dtype=torch.float32),

def moved(im, down, right):
    out = torch.zeros_like(im)
    h,w = im.shape
    out[max(down,0):h+min(down,0),max(right,0):w+min(right,0)] = im[max(-down,0):h-max(down,0),max(-right,0):w-max(right,0)]
    return out

BY_A_PIXEL = '`down` moves the image by a pixel'
MOVES = {'down': (1,0), 'up': (-1,0), 'to the right': (0,1), 'to the left': (0,-1), 'nowhere': (0,0)}

def use_kernels(answer, im):
    try: down,blur = (as_tensor(o).detach().float().view(3,3) for o in answer)
    except (TypeError, ValueError, RuntimeError, AttributeError): return {'both are tensors of 3 by 3': False}
    def where(kernel):
        image = F.conv2d(im[None,None], kernel[None,None], padding=1)[0,0]
        return next((k for k,o in MOVES.items() if torch.allclose(image, moved(im, *o), atol=1e-5)), 'otherwise')
    to = where(down)
    if where(blur)=='down'!=to: to = '`blur` does'
    return {'both are tensors of 3 by 3': True, BY_A_PIXEL: to,
            'the sum of the weights of `blur`': f'{blur.sum().item():.3g}', 'no weight of `blur` is negative': bool((blur>=0).all()),
            'how many pixels `blur` makes of a dot': 'several' if (blur.abs()>0.01).sum()>1 else 'one or none'}

BLUR = torch.ones(3,3)/9

def one_at(i, j):
    k = torch.zeros(3,3)
    k[i,j] = 1
    return k

def kernel_mistake(down, blur=BLUR):
    def told(im): return use_kernels((down,blur), im)
    return told

check('07.2', '07', kernels, use=use_kernels, facts=True, names=('image',), mistakes={
    'it is `blur` that moves the image down; `down` is the first of the two': 
        lambda im: kernel_mistake(BLUR, one_at(0,1))(im) | {BY_A_PIXEL: '`blur` does'},
    '`down` moves the image up: each pixel of the result must take the one *above* it, so the 1 belongs in the first row':
        kernel_mistake(one_at(2,1)),
    '`down` moves the image to the left: the first index of a kernel is the row': kernel_mistake(one_at(1,2)),
    '`down` moves the image to the right: the first index of a kernel is the row': kernel_mistake(one_at(1,0)),
    '`down` leaves the image where it is: the 1 belongs above the middle': kernel_mistake(one_at(1,1)),
    'the weights of `blur` sum to 9, so that the image gets nine times as bright; divide them by 9': kernel_mistake(one_at(0,1), BLUR*9),
    '`blur` leaves a dot as it is; it has to spread over several pixels': kernel_mistake(one_at(0,1), one_at(1,1))})(
    kernel_mistake(one_at(0,1)))

# 3. a convolution as a matrix

def as_matrix(values=(1.,0.,-1.)):
    "The weights by pixel and position, from the rows of the kernel"
    m = torch.zeros(8,8,6,6)
    for i in range(6):
        for j in range(6):
            for k in range(3): m[i+k,j:j+3,i,j] = values[k]
    return m.view(64,36)

MATRICES = {'the convolution': as_matrix(), 'transposed': as_matrix().t(), 'upside down': as_matrix((-1.,0.,1.))}

def use_matrix(answer):
    matrix,fraction,n_values = answer
    found = as_tensor(matrix)
    def same(o): return found is not None and found.shape==o.shape and torch.allclose(found.detach().float(), o, atol=1e-5)
    return {'`matrix`': next((k for k,o in MATRICES.items() if same(o)), 'something else'),
            '`fraction`': f'{as_number(fraction):.3f}', '`n_values`': as_number(n_values)}

@exercise('07.3', use=use_matrix, facts=True, mistakes={
    '`matrix` is transposed: `image.flatten()` has 64 numbers, so it has 64 rows': given(use_matrix, as_matrix().t(), 1-6/64, 3),
    '`fraction` is that of the weights that are *not* 0': given(use_matrix, as_matrix(), 6/64, 3),
    '`n_values` leaves out 0': given(use_matrix, as_matrix(), 1-6/64, 2),
    '`matrix` is that of the kernel upside down: each row is the result for an image with a single pixel of ink':
        given(use_matrix, as_matrix((-1.,0.,1.)), 1-6/64, 3),
    '`fraction` is a number of zeros; divide it by that of all weights': given(use_matrix, as_matrix(), 58*36, 3)})
def matrix_wanted(): return use_matrix((as_matrix(), 1-6/64, 3))

# 4. counting

def use_counts(answer): return dict(zip(('`n_mul`', '`n_weights`'), map(as_number, answer)))

@exercise('07.4', use=use_counts, facts=True, mistakes={
    'the two are the other way round: first `n_mul`': given(use_counts, 64*32*9, 64*32*9*49),
    '`n_weights` is right; but a padding of 1 keeps the size, so that there are 7*7 positions': given(use_counts, 64*32*9*25, 64*32*9),
    'each of the 64 kernels has weights for all 32 channels of its input': given(use_counts, 64*9*49, 64*9),
    '`n_weights` counts the biases as well; `n_mul` is right': given(use_counts, 64*32*9*49, 64*32*9+64),
    '`n_mul` counts the results; for each of them, all 32*3*3 weights of a kernel multiply': given(use_counts, 64*49, 64*32*9)})
def counted(): return use_counts((64*32*9*49, 64*32*9))

# 5. batch normalisation merged into a convolution

class Norm(nn.Module):
    "Batch normalisation as in the chapter; in evaluation mode"
    def __init__(self, c, eps, dtype):
        super().__init__()
        self.eps = eps
        self.gamma,self.beta = (nn.Parameter(randn(c,1,1, seed=o, dtype=dtype)) for o in (1, 2))
        for name,value in (('mean', randn(c,1,1, seed=3, dtype=dtype)), ('var', randn(c,1,1, seed=4, dtype=dtype).abs()+0.2)):
            self.register_buffer(name, value)
        self.eval()
    def forward(self, x): return self.gamma*(x-self.mean)/(self.var+self.eps).sqrt()+self.beta

def layers(n_in, n_out, size, stride, padding, eps, dtype):
    conv = nn.Conv2d(n_in, n_out, size, stride=stride, padding=padding, bias=False).to(dtype)
    with torch.no_grad(): conv.weight.copy_(randn(*conv.weight.shape, seed=5, dtype=dtype))
    return conv,Norm(n_out, eps, dtype)

def merges():
    "The settings of a convolution, and images"
    for i,(settings,shape) in enumerate([((1,1,1,1,0), (1,1,2,2)), ((3,8,3,2,1), (2,3,9,9)), ((3,8,3,2,1), (1,3,8,5)),
                                         ((2,3,3,1,1), (2,2,4,4)), ((1,4,5,1,2), (3,1,6,7)), ((2,2,2,2,0), (1,2,4,6))]):
        for eps in (1e-5, 0.5): yield settings,eps,randn(*shape, seed=i, dtype=torch.float32)  # as new layers are

@torch.no_grad()
def use_merge(merge, settings, eps, x):
    both = layers(*settings, eps, x.dtype)
    before = [copy.deepcopy(o.state_dict()) for o in both]
    merged,called = merge(*both),[]
    if not callable(merged): return {'what `merge` gives': 'several things' if isinstance(merged, (tuple, list)) else 'no function'}
    hooks = [o.register_forward_hook(lambda module, *o: called.append(module)) for o in both]
    out = merged(x)
    for o in hooks: o.remove()
    same = [torch.equal(a, b) for o,old in zip(both, before) for a,b in zip(o.state_dict().values(), old.values())]
    return {'what `merge` gives': 'a function', 'the output': out, 'neither `conv` nor `norm` is called any more': not called,
        '`conv` and `norm` stay as they are': all(same)}

@torch.no_grad()
def merge_wanted(settings, eps, x):
    conv,norm = layers(*settings, eps, x.dtype)
    out = F.conv2d(x.double(), conv.weight.double(), stride=conv.stride, padding=conv.padding)
    scale = norm.gamma.double()/(norm.var.double()+eps)**0.5
    out = (out-norm.mean)*scale+norm.beta
    return {'what `merge` gives': 'a function', 'the output': out.to(x.dtype), 'neither `conv` nor `norm` is called any more': True,
        '`conv` and `norm` stay as they are': True}

def merge_with(root=lambda norm: (norm.var+norm.eps).sqrt(), shift=lambda norm, scale: norm.beta-norm.mean*scale, own=True, weight=True):
    def wrong(conv, norm):
        scale = norm.gamma/root(norm)
        w,b = conv.weight*scale[...,None] if weight else conv.weight,shift(norm, scale).flatten()
        return lambda x: F.conv2d(x, w, b, **({'stride': conv.stride, 'padding': conv.padding} if own else {'stride': 2, 'padding': 1}))
    return made(use_merge, wrong)

check('07.5', '07', merges, use=use_merge, near=2e-5, names=('n_in, n_out, size, stride, padding', 'eps', 'x'),
      without=('batch_norm', 'native_batch_norm'), mistakes={
    'several things come back, as kernels and biases; wanted is one function of `x`, which convolves with them':
        lambda *_: {'what `merge` gives': 'several things'},
    'what comes back is no function; wanted is one of `x`, which convolves with the new kernels and biases':
        lambda *_: {'what `merge` gives': 'no function'},
    'the mean is subtracted as it is, but what it is subtracted from has been scaled: the bias is `beta - mean*scale`':
        merge_with(shift=lambda norm, scale: norm.beta-norm.mean),
    'the running mean is missing: the bias is `beta - mean*scale`': merge_with(shift=lambda norm, scale: norm.beta),
    'beta is missing in the bias': merge_with(shift=lambda norm, scale: -norm.mean*scale),
    'this divides by the variance; divide by its root': merge_with(root=lambda norm: norm.var+norm.eps),
    '`eps` is missing below the root': merge_with(root=lambda norm: norm.var.sqrt()),
    'the kernels are not scaled: multiply each by the scale of its output channel': merge_with(weight=False),
    'stride and padding are always 2 and 1; take those of `conv`': merge_with(own=False),
    '`conv` and `norm` are still called; the merged convolution does the work of both, with kernels and biases of its own':
        made(use_merge, lambda conv, norm: lambda x: norm(conv(x)))})(merge_wanted)

# 6. receptive fields

class Layer(nn.Module):
    "A layer with positive weights, that says what it is"
    def __init__(self, text, size, stride=1, pool=False, padding=0):
        super().__init__()
        self.text,self.size,self.stride,self.pool,self.padding = text,size,stride,pool,padding
    def forward(self, x):
        if self.pool: return F.avg_pool2d(x, self.size, self.stride)
        return F.conv2d(x, torch.ones(1,1,self.size,self.size, dtype=x.dtype), stride=self.stride, padding=self.padding)
    def __repr__(self): return self.text

def stacks():
    "Layers that follow each other"
    one,three,five = (Layer(f'{k} by {k}', k) for k in (1, 3, 5))
    strided,pool = Layer('3 by 3, stride 2', 3, 2),Layer('average pooling by 2', 2, 2, pool=True)
    padded,wide = Layer('3 by 3, padding 1', 3, padding=1),Layer('5 by 5, padding 2', 5, padding=2)
    for o in ((three,), (one,), (three,three), (five,), (three,)*3, (five,three), (pool,), (pool,pool), (three,pool),
              (pool,three), (strided,three), (three,pool,three,three), (strided,strided), (pool,five,one),
              (padded,), (padded,padded), (wide,padded), (padded,pool,wide)): yield o

def field(*layers):
    n,step = 1,1
    for o in layers: n,step = n+(o.size-1)*step,step*o.stride
    return float(n)

def at_corner(*layers):
    "Of the value in the corner, which sees the padding as well"
    x = torch.rand(1,1,32,32, requires_grad=True)
    with torch.enable_grad(): nn.Sequential(*layers)(x)[0,0,0,0].backward()
    return float((x.grad[0,0].abs().sum(1)>0).sum())

check('07.6', '07', stacks, names=tuple(f'layer {i}' for i in range(1, 5)), mistakes={
    'the corner of an output also sees the padding, which is no part of the image; take a value in the middle': at_corner,
    'the sizes of the kernels are added up; a layer adds one less than its size': lambda *o: float(sum(k.size for k in o)),
    'these are all pixels of the receptive field; count its rows': lambda *o: field(*o)**2,
    'behind a stride or a pooling, one step is two pixels of the input, so that later layers see more; measure it with a gradient':
        lambda *o: float(1+sum(k.size-1 for k in o)),
    'this is what one layer sees, the last of them; the gradient must flow through all of them': lambda *o: float(o[-1].size),
    'this is what one layer sees, the first of them; the gradient must flow through all of them': lambda *o: float(o[0].size),
    'all outputs together depend on nearly the whole image; call `backward` on one value of the output': lambda *o: whole_image(*o)})(field)

def whole_image(*layers):
    "From the sum of all outputs"
    x = torch.rand(1,1,32,32, requires_grad=True)
    with torch.enable_grad():
        out = x
        for f in layers: out = f(out)
        out.sum().backward()
    return float((x.grad[0,0].abs().sum(1)>0).sum())

# 7. blocks that begin as the identity

@torch.no_grad()
def use_zero_block(answer, n_in, n_out, stride):
    cls,agree,lower = answer
    told = {'`agree` is what `two_gradients` shows': bool(agree) is True, '`lower` is what `training_losses` shows': bool(lower) is False}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        block = cls(n_in, n_out, stride)
    params = list(block.parameters())
    fits = n_in==n_out and stride==1
    kinds = [sum(p.numel()==n_out and bool((p==v).all()) for p in params if p.ndim!=4) for v in (1, 0)]
    told |= {'parameters at the start': f'{kinds[0]} of {n_out} ones and {kinds[1]} of {n_out} zeros',
             'convolutions whose weights are not 0': sum(p.ndim==4 and bool(p.any()) for p in params)}
    x = randn(3, n_in, 6, 6, seed=1, dtype=torch.float32).relu()
    block.train()
    first = block(x)
    for p in params:
        if p.ndim==4 and p.shape[2]==3: p.mul_(-0.5)
    told |= {'its output at the start does not depend on its kernels of 3 by 3': torch.allclose(block(x), first, atol=1e-6)}
    if fits: told |= {'at the start it gives back its input': torch.equal(first, x)}
    with torch.enable_grad(): out = (block(x)*randn(*first.shape, seed=2, dtype=torch.float32)).sum()
    if out.requires_grad: out.backward()
    learns = [p.grad is not None and bool(p.grad.any()) for p in params if p.ndim!=4 and p.numel()==n_out and not p.any()]
    frozen = any(not p.requires_grad for p in params)
    return told | {'parameters of zeros that get a gradient': 'one takes none' if frozen else sum(learns)}

def zero_block(kind='last gamma'):
    "A residual block, with what is 0 at the start"
    class Block(nn.Module):
        def __init__(self, n_in, n_out, stride=1):
            super().__init__()
            def conv(a, b, k, s): return nn.Conv2d(a, b, k, s, k//2, bias=False)
            self.f = nn.Sequential(conv(n_in, n_out, 3, stride), nn.BatchNorm2d(n_out), nn.ReLU(),
                                   conv(n_out, n_out, 3, 1), nn.BatchNorm2d(n_out))
            self.down = nn.Identity()
            if n_in!=n_out or stride>1: self.down = nn.Sequential(conv(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))
            if kind in ('last gamma', 'both'): nn.init.zeros_(self.f[4].weight)
            if kind in ('first', 'both'): nn.init.zeros_(self.f[1].weight)
            if kind=='frozen': nn.init.zeros_(self.f[4].weight.requires_grad_(False))
            if kind=='conv': nn.init.zeros_(self.f[3].weight)
        def forward(self, x): return (self.down(x)+self.f(x)).relu()
    return Block

def zero_mistake(kind, agree=True, lower=False):
    def told(*args): return use_zero_block((zero_block(kind),agree,lower), *args)
    return told

def shapes():
    yield from ((2,2,1), (3,4,1), (2,3,2), (4,4,1), (3,3,2))

check('07.7', '07', shapes, use=use_zero_block, facts=True, names=('n_in', 'n_out', 'stride'), mistakes={
    'the block does not begin as the identity: set the weight of its last normalisation, `bn2`, to 0': zero_mistake('none'),
    'the first gamma is 0, not the last; then the second convolution gets only zeros, and no gradient passes the ReLU before it':
        zero_mistake('first'),
    'both gammas are 0, so that not even the last one gets a gradient; the last alone is enough': zero_mistake('both'),
    'the last gamma is 0, and must stay so, since it takes no gradient; at the start it is 0, and then it learns': zero_mistake('frozen'),
    'the weights of the last convolution are 0; set gamma of the normalisation behind it to 0': zero_mistake('conv'),
    'the block is right; at the start two batches agree, as `two_gradients` shows': zero_mistake('last gamma', agree=False),
    'the block is right; with it the loss after two epochs is *higher*: compare `training_losses` for twelve blocks of each kind':
        zero_mistake('last gamma', lower=True)})(lambda *args: use_zero_block((zero_block(),True,False), *args))
