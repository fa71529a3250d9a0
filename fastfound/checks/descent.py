"Chapter 4: gradient descent."
import torch
from .mnist_sgd import whole
from .spec import check, made, randn

def descents():
    "Parameters, the gradients of each step (None for none), and a learning rate"
    def of(*shapes, steps=1, seed=0, dtype=torch.float64, none=()):
        def numbers(seed): return [randn(*o, seed=seed+i, dtype=dtype) for i,o in enumerate(shapes)]
        return numbers(seed),[[None if (k,i) in none else g for i,g in enumerate(numbers(seed+10*k+10))] for k in range(steps)]
    yield [whole(5.)],[[whole(2.)]],0.1
    yield [whole(1., 2.)],[[whole(10., -20.)]],0.5
    yield [whole(1.)],[[whole(4.)],[whole(-2.)]],0.25
    yield [whole(1.), whole(7., 8.)],[[whole(1.), whole(2., 3.)]],1.
    yield [whole(1.), whole(7., 8.)],[[whole(1.), None]],1.
    yield *of((2,3)),0.1
    yield *of((3,), (2,2), (), steps=3),0.3
    yield *of((3,), (2,2), steps=3, none=((0,0), (2,1))),2.
    yield *of((4,), steps=2, dtype=torch.float32),0.01
    yield *of((2,2), (2,), steps=2),0.
    yield *of((0,3), (1,)),0.1
    yield [randn(3,2, seed=1).t()],[[randn(2,3, seed=2)]],0.1

def use_optim(cls, params, gradients, lr):
    "The parameters after each step, and the sizes of the gradients after they have been cleared"
    own = [o.clone().requires_grad_() for o in params]
    opt,told = cls((o for o in own), lr),{}
    for k,grads in enumerate(gradients, 1):
        for p,g in zip(own, grads): p.grad = None if g is None else g.clone()
        opt.step()
        told |= {f'parameter {i} after step {k}': p.detach().clone() for i,p in enumerate(own)}
        opt.zero_grad()
        told[f'the largest gradient after zero_grad {k}'] = max(
            [p.grad.abs().max().item() for p in own if p.grad is not None and p.grad.numel()], default=0.)
    return told | {'all parameters still require a gradient, and are leaves': all(p.requires_grad and p.is_leaf for p in own)}

def descent(step=None, zero=None, keep=list, none=True, first=False):
    def default(p, lr): p.data -= lr*p.grad
    def clear(p): p.grad = None
    class Wrong:
        def __init__(self, params, lr): self.params,self.lr = keep(params),lr
        def step(self):
            for p in self.params[:1] if first else self.params:
                if p.grad is not None or not none: (step or default)(p, self.lr)
        def zero_grad(self):
            for p in self.params: (zero or clear)(p)
    return made(use_optim, Wrong)

def add(f):
    def step(p, lr): p.data += f(p.data, p.grad, lr)
    return step
def in_place(p, lr): p -= lr*p.grad
def by_name(p, lr): p = p - lr*p.grad
def empty(p): p.data.zero_()
def forget(p): p.grad

@check('BasicOptim', '04', descents, use=use_optim, names=('params', 'gradients of each step', 'lr'),
       same=('BasicOptim', 'SGD', 'Optimizer'),
       without=('sgd', 'adam', 'numpy'), hints=(
    ('`params` may be a generator, which can be gone through only once, and you need it in every step: what do you make of it? '
     'Then write one step for a single parameter.'),
    ('Keep `list(params)`. `step` subtracts the gradient times the rate from `p.data` of each parameter, in place, unless `p.grad`'
     ' is None; `zero_grad` sets each `p.grad` to None.')), mistakes={
    'the parameters move along their gradients, and the loss rises; go against them, with a minus': descent(add(lambda p, g, lr: lr*g)),
    'the learning rate has no part in the step; multiply the gradient by it': descent(add(lambda p, g, lr: -g)),
    'the learning rate is added to the gradient; multiply by it': descent(add(lambda p, g, lr: -(g+lr))),
    'the gradient is divided by the learning rate; multiply by it': descent(add(lambda p, g, lr: -g/lr)),
    'each parameter moves by the learning rate, whatever the size of its gradient; multiply by the gradient itself':
        descent(add(lambda p, g, lr: -lr*g.sign())),
    'each parameter becomes smaller by a fraction of itself; subtract a fraction of its gradient': descent(add(lambda p, g, lr: -lr*p)),
    'the parameter becomes its gradient times the rate; *subtract* that from it': descent(add(lambda p, g, lr: -p+lr*g)),
    '`p = p - ...` gives a name to a new tensor, and the parameter stays what it was; change it in place, `p.data -= ...`':
        descent(by_name),
    'a parameter that requires a gradient must not be changed in place where autograd looks on; use `p.data`, or `torch.no_grad()`':
        descent(in_place),
    'parameters without a gradient are not part of the loss, and `p.grad` is None for them; leave them out': descent(none=False),
    '`zero_grad` leaves the gradients as they are, so that PyTorch adds the next ones to them; set them to None': descent(zero=forget),
    '`zero_grad` sets the *parameters* to zero; clear their gradients': descent(zero=empty),
    'only the first step moves the parameters: `params` may be a generator, which is used up after one loop, so keep `list(params)`':
        descent(keep=lambda params: params),
    'only the first parameter is moved; loop over all of them': descent(first=True)})
def descent_wanted(params, gradients, lr):
    now,told = [o.double() for o in params],{}
    for k,grads in enumerate(gradients, 1):
        now = [p if g is None else p-g.double()*lr for p,g in zip(now, grads)]
        told |= {f'parameter {i} after step {k}': p.to(o.dtype) for i,(p,o) in enumerate(zip(now, params))}
        told[f'the largest gradient after zero_grad {k}'] = 0.
    return told | {'all parameters still require a gradient, and are leaves': True}
