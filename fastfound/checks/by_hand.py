"Chapter 5: a training loop for layers with a backward pass of their own."
import copy, importlib
from types import SimpleNamespace
import torch
from .spec import check
from .training_loop import batches, simulated, Descent

class Times:
    "A layer: the inputs times weights; says what is called"
    def __init__(self): self.w,self.calls = torch.tensor([0.5,-0.25], dtype=torch.float64),[]
    def __call__(self, x):
        self.calls.append('forward')
        self.x,self.out = x,x@self.w
        return self.out
    def backward(self):
        self.calls.append('backward')
        self.w.g = self.w.grad = self.x.t()@self.out.g

class Squares:
    "A loss with a backward pass: the mean squared error"
    def __call__(self, pred, y):
        self.pred,self.d = pred,pred-y
        return self.d.square().mean()
    def backward(self): self.pred.g = 2*self.d/len(self.d)

class ByHand:
    "What a `Model` has, with a single layer"
    def __init__(self): self.layers,self.loss,self.training = [Times()],Squares(),True
    def predict(self, x):
        for o in self.layers: x = o(x)
        return x
    def __call__(self, x, y): return self.loss(self.predict(x), y)
    def backward(self):
        self.loss.backward()
        for o in reversed(self.layers): o.backward()
    def parameters(self): return [o.w for o in self.layers]

def by_hand():
    "Sizes of the training and validation batches, and the number of epochs"
    yield from (((2,), (2,), 1), ((2,2), (3,), 1), ((3,2), (2,1), 2), ((4,), (1,), 5))

def use_hand(cls, train, valid, n_epoch):
    "The record and the weights after a fit"
    model = ByHand()
    dls = SimpleNamespace(train=batches(train, 0), valid=batches(valid, 100))
    learn = cls(dls, model, model.loss, Descent, lr=0.1)
    learn.fit(n_epoch, quiet=True)
    calls = model.layers[0].calls
    return {'how often the backward pass of the model was called': calls.count('backward'),
            'how often the layers were called': calls.count('forward')} | {
            f'row {i} of the record': list(o) for i,o in enumerate(learn.recorder.values)} | {'the weights': model.layers[0].w}

def a_hand(**kw):
    "The mistake of a Learner with these methods"
    def told(*args):
        Wrong = type('Wrong', (importlib.import_module('fastfound.learner').Learner,), kw)
        return use_hand(Wrong, *copy.deepcopy(args))
    return told

def predict(learn): learn.pred = learn.model.predict(*learn.xb)

@check('HandLearner', '05', by_hand, use=use_hand, names=('training batches of', 'validation batches of', 'epochs'),
       same=('HandLearner',), hints=(
    'The Learner calls `self.model(*self.xb)` and stores the result; then it calls `self.loss.backward()`. What do these layers offer in '
    'place of the two?',
    '`forward` stores in `self.pred` what `predict` of the model gives for the inputs, which are in the list `self.xb`. `backward` has one '
    'line: it calls the backward pass of the model, which needs no arguments.'),
       near=1e-6, mistakes={
    'PyTorch\'s `backward` does not know these layers; let `backward` call that of the model': a_hand(forward=predict),
    '`backward` does not call the backward pass of the model, so that its weights stay as they are':
        a_hand(forward=predict, backward=lambda learn: None),
    'the loss has no backward pass of PyTorch\'s kind; `backward` calls that of the model, `self.model.backward()`':
        a_hand(forward=predict, backward=lambda learn: learn.loss.backward()),
    'calling the model wants targets as well and gives a loss; `forward` asks for `self.model.predict(*self.xb)`':
        a_hand(forward=lambda learn: setattr(learn, 'pred', learn.model(*learn.xb)), backward=lambda learn: learn.model.backward()),
    '`xb` is a list of inputs; pass them one by one, `*self.xb`':
        a_hand(forward=lambda learn: setattr(learn, 'pred', learn.model.predict(learn.xb)), backward=lambda learn: learn.model.backward()),
    '`forward` returns the predictions; store them in `self.pred`': a_hand(forward=lambda learn: learn.model.predict(*learn.xb),
                                                                        backward=lambda learn: learn.model.backward())})
def hand_wanted(train, valid, n_epoch):
    s = simulated(train, valid, n_epoch, 0.1, lambda s, event: None, 0)
    return {'how often the backward pass of the model was called': len(train)*n_epoch,
            'how often the layers were called': (len(train)+len(valid))*n_epoch} | {
            f'row {i} of the record': o for i,o in enumerate(s.record)} | {'the weights': s.w}
