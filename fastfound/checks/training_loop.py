"Chapter 5: means over batches, and a training loop with events, validation, cancelling and metrics."
import importlib, math
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
import torch
from .spec import check, made, randn

# means

def measured():
    "Rows of a count and what was measured: one column, several, one row, none"
    yield [[1, 2.]],
    yield [[1, 2.], [3, 6.]],
    yield [[256, 0.9], [256, 0.8], [10, 0.2]],
    yield [[2, 1., 10.], [2, 3., 30.]],
    yield [[2, 1., 10.], [6, 3., 20.]],
    yield [(3, 1., -1., 0.5), (1, 5., 7., 0.5), (4, 0., 2., 0.5)],
    yield [[64, 2.5, 0.1]]*3 + [[8, 0.5, 0.9]],
    yield ((1, 2.), (1, 4.)),
    yield [[5, 0., 0.]],
    yield [],

def means(f, none=math.nan):
    "A mistake in the mean of a column, from the counts and its values"
    def wrong(rows): return [f([o[0] for o in rows], list(c)) for c in list(zip(*rows))[1:]] if rows else [none]
    return wrong

def total(ns, vs): return sum(n*v for n,v in zip(ns, vs))
def without_none(rows):
    counts,*columns = zip(*rows)
    return [total(counts, c)/sum(counts) for c in columns]
def all_columns(rows): return [total([o[0] for o in rows], c)/sum(o[0] for o in rows) for c in zip(*rows)] if rows else [math.nan]
def each_row(rows): return [sum(o[1:])/len(o[1:]) for o in rows] if rows else [math.nan]
def alone(rows): return without_none(rows)[0] if rows else [math.nan]

@check('weighted_mean', '05', measured, near=1e-6, same=('weighted_mean',), hints=(
    'Take one column of values and the column of counts, such as 0.9, 0.8, 0.2 and 256, 256, 10: what is the sum over all 522 examples? '
    '`zip(*rows)` gives the columns of `rows`.',
    'For each column but the first, add up count times value over the rows, and divide by the sum of the counts. Without any rows there is '
    'no count: then give `[float(\'nan\')]` first of all.'), mistakes={
    'this is the plain mean over the batches; a small batch counts less, so multiply each value by its count, and divide by their sum':
        means(lambda ns, vs: sum(vs)/len(vs)),
    'the products are added, but not divided by the sum of the counts': means(total),
    'this divides by the number of rows; divide by the sum of the counts': means(lambda ns, vs: total(ns, vs)/len(ns)),
    'the values are divided by the counts; multiply them': means(lambda ns, vs: sum(v/n for n,v in zip(ns, vs))/sum(ns)),
    'the counts are averaged as well; the result has a number for each column but the first': all_columns,
    'without any rows there is no mean: give `[nan]`': without_none,
    'this is a mean of each *row*; take that of each column': each_row,
    'only the first of the means comes back, and as a number; give a list with one for each column': alone,
    'the count of the last row stands for all; each row has its own': means(lambda ns, vs: ns[-1]*sum(vs)/sum(ns))})
def means_of(rows):
    if not rows: return [math.nan]
    ns = [o[0] for o in rows]
    return [math.fsum(n/sum(ns)*v for n,v in zip(ns, column)) for column in list(zip(*rows))[1:]]

# a model, batches and an optimizer whose numbers can be computed by hand

class Slopes(torch.nn.Module):
    "The inputs times two weights; keeps in which mode it was called"
    def __init__(self):
        super().__init__()
        self.w,self.modes = torch.nn.Parameter(torch.tensor([0.5,-0.25], dtype=torch.float64)),[]
    def forward(self, x):
        self.modes.append((self.training, torch.is_grad_enabled()))
        return x@self.w

class Descent:
    "Plain gradient descent"
    def __init__(self, params, lr): self.param_groups = [{'params': list(params), 'lr': lr}]
    def step(self):
        for o in self.param_groups:
            for p in o['params']:
                if p.grad is not None: p.data -= o['lr']*p.grad
    def zero_grad(self, set_to_none=True):
        for o in self.param_groups:
            for p in o['params']: p.grad = None

def batches(sizes, seed): return [(randn(n,2, seed=seed+i),randn(n, seed=seed+i+50)) for i,n in enumerate(sizes)]
def square(pred, y): return (pred-y).pow(2).mean()
def error(pred, y): return (pred-y).abs().mean()
def largest(pred, y): return pred.max()

PARTS = {'CancelFitException': 'fit', 'CancelEpochException': 'epoch', 'CancelTrainException': 'train', 'CancelValidException': 'validate',
         'CancelBatchException': 'batch', 'CancelBackwardException': 'backward', 'CancelStepException': 'step'}

def cancel(name):
    "The exception of that name, from the library"
    return getattr(importlib.import_module('fastfound.learner'), name)

def flat(n_train, n_valid, n_epoch):
    "The whole fit as one list of what is done and of events, each with the parts that it is in"
    steps = []
    def part(name, inside, *body):
        inside = (*inside, (name, len(steps)))
        steps.append((f'before_{name}', inside))
        for o in body: o(inside)
        steps.append((f'after_{name}', inside))
    def do(what): return lambda inside: steps.append((what, inside))
    def batch(k, training):
        def body(inside):
            do(f'load {k}')(inside)
            part('batch', inside, lambda i: part('pred', i, do('forward')), lambda i: part('loss', i, do('loss')),
                 *([lambda i: part('backward', i, do('backward')), lambda i: part('step', i, do('step')), do('clear')] if training else []))
        return body
    def epoch(inside):
        part('epoch', inside, do('train'), lambda i: part('train', i, *(batch(k, True) for k in range(n_train))), do('validate'),
             lambda i: part('validate', i, *(batch(k, False) for k in range(n_valid))), do('row'))
    part('fit', (), *[epoch]*n_epoch)
    return steps

def simulated(train, valid, n_epoch, lr, hooks, metrics=2):
    "What the fit does: events, the record, the weights; `hooks` are called at events, and give the name of an exception or nothing"
    s = SimpleNamespace(w=torch.tensor([0.5,-0.25], dtype=torch.float64), g=torch.zeros(2, dtype=torch.float64), lr=lr, events=[],
                        record=[],
                        epoch=-1, iter=0, out='')
    data,steps,i = {True: batches(train, 0), False: batches(valid, 100)},flat(len(train), len(valid), n_epoch),0
    while i<len(steps):
        what,inside = steps[i]
        i += 1
        if what.startswith(('before_', 'after_')):
            s.events.append(what)
            error_name = hooks(s, what)
            if not error_name: continue
            part = next((o for o in inside if o[0]==PARTS[error_name]), None)
            if part is None:
                s.out = error_name
                break
            end = next(j for j,(name,path) in enumerate(steps) if name==f'after_{part[0]}' and path and path[-1]==part)
            i = i if end==i-1 else end
        elif what=='train': s.training,s.rows,s.epoch = True,[],s.epoch+1
        elif what=='validate': s.training,s.train_rows,s.rows = False,s.rows,[]
        elif what.startswith('load'):
            s.iter = int(what[5:])
            s.x,s.y = data[s.training][s.iter]
        elif what=='forward': s.pred = (s.x*s.w).sum(1)
        elif what=='loss':
            d = s.pred-s.y
            s.factor,s.loss = 1.,(d@d/len(d)).item()
            s.rows.append([len(d), s.loss, *([] if s.training else [(d.abs().sum()/len(d)).item(), s.pred.max().item()][:metrics])])
        elif what=='backward': s.g = s.g + s.factor*2*(s.x*(s.pred-s.y)[:,None]).sum(0)/len(s.y)
        elif what=='step': s.w = s.w - s.lr*s.g
        elif what=='clear': s.g = torch.zeros_like(s.g)
        elif what=='row': s.record.append(means_of(s.train_rows)+means_of(s.rows))
    return s

# what is looked at

def learners():
    "What is looked at, the sizes of the training and validation batches, the number of epochs, and what callbacks do"
    cancel('CancelFitException')  # imported before the time of an input begins
    for train,valid,n in (((2,), (2,), 1), ((3,), (1,), 1), ((2,2), (2,), 1), ((4,1), (3,1), 1), ((2,3,1), (2,1), 3), ((1,), (1,1,5), 2)):
        yield 'record and weights',train,valid,n
    yield 'the record without metrics',(2,1),(2,1),2
    yield 'modes of the model',(2,1),(2,),2
    yield 'events',(2,),(2,),1
    yield 'events',(2,1),(2,1),2
    yield 'what a callback reads',(2,1),(2,),2
    yield 'two callbacks',(2,),(1,),1
    for does in CHANGES: yield 'record and weights',(2,1),(2,),1,does
    for event,error in RAISED: yield 'events',(2,1),(2,1),2,f'{error} once, at {event}'
    for event,error in KEPT: yield 'record and weights',(3,1,2),(2,1),2,f'{error} once, at {event}'
    yield 'record and weights',(2,2,1),(2,),1,'CancelBatchException every second time, at after_backward'
    yield 'the exception comes out of fit',(2,),(2,),1,'CancelStepException once, at after_loss'
    yield 'two callbacks',(2,1),(2,),1,'CancelBatchException once, at before_pred'

RAISED = [('before_fit', 'CancelFitException'), ('after_loss', 'CancelFitException'), ('after_fit', 'CancelFitException'),
          ('after_loss', 'CancelEpochException'), ('before_epoch', 'CancelEpochException'), ('after_epoch', 'CancelEpochException'),
          ('before_train', 'CancelTrainException'), ('after_step', 'CancelTrainException'), ('after_batch', 'CancelBatchException'),
          ('before_batch', 'CancelBatchException'), ('after_pred', 'CancelBatchException'), ('before_validate', 'CancelValidException'),
          ('after_validate', 'CancelValidException'), ('before_backward', 'CancelBackwardException'),
          ('after_backward', 'CancelBackwardException'),
          ('before_step', 'CancelStepException'), ('after_step', 'CancelStepException'), ('after_validate', 'CancelEpochException')]
KEPT = [('after_loss', 'CancelBatchException'), ('before_loss', 'CancelBatchException'), ('before_step', 'CancelStepException'),
        ('before_backward', 'CancelBackwardException'), ('after_epoch', 'CancelFitException'), ('after_validate', 'CancelEpochException'),
        ('after_step', 'CancelTrainException')]

# what callbacks do: to a Learner, and to the simulation above
CHANGES = {
    'before_batch doubles xb': ('before_batch', lambda learn: setattr(learn, 'xb', 2*learn.xb), lambda s: setattr(s, 'x', 2*s.x)),
    'after_pred adds 1 to pred': ('after_pred', lambda learn: setattr(learn, 'pred', learn.pred+1), lambda s: setattr(s, 'pred', s.pred+1)),
    'before_backward triples loss': ('before_backward', lambda learn: setattr(learn, 'loss', 3*learn.loss),
                                     lambda s: setattr(s, 'factor', 3.)),
    'before_batch lowers the learning rate': ('before_batch', lambda learn: learn.opt.param_groups[0].update(lr=0.1/(2+learn.iter)),
                                              lambda s: setattr(s, 'lr', 0.1/(2+s.iter))),
    'before_step sets the gradients to 1': ('before_step', lambda learn: learn.model.w.grad.fill_(1.), lambda s: s.g.fill_(1.)),
    'before_train takes the first batch only': ('before_train', lambda learn: setattr(learn, 'dl', learn.dl[:1]), lambda s: None)}

EVENTS = [f'{o}_{name}' for name in ('fit', 'epoch', 'train', 'validate', 'batch', 'pred', 'loss', 'backward', 'step') 
          for o in ('before', 'after')]

READ = ('before_fit', 'before_train', 'before_validate', 'before_batch', 'after_loss', 'after_step')  # where a callback looks

class Callback:
    "Calls `respond` with the Learner and the event"
    def __init__(self, respond, events=EVENTS):
        for event in events: setattr(self, event, lambda event=event: respond(self.learn, event))
    def __deepcopy__(self, memo): return self

def plan(does):
    "The exception, where it is raised and how often, from a sentence"
    error,how,event = does.replace(', at', '').replace(' every second time', ' always').split()
    return error,how,event

def responder(does):
    "Gives the name of the exception that is raised at an event, or nothing"
    if not does or does in CHANGES: return lambda event: None
    (error,how,at),seen = plan(does),[]
    def respond(event):
        if event!=at: return None
        seen.append(event)
        return error if (len(seen)%2==1 if how=='always' else len(seen)==1) else None
    return respond

def numbered(name, found, n):
    "The first `n` of what was found, by number"
    return {f'{name} {i+1}': found[i] if i<len(found) else 'none' for i in range(n)}

def use_learner(cls, what, train, valid, n_epoch, does=''):
    model,events,read = Slopes(),[],[]
    dls = SimpleNamespace(train=batches(train, 0), valid=batches(valid, 100))
    respond = responder(does)
    def trace(learn, event): events.append(event)
    def act(learn, event):
        if error := respond(event): raise cancel(error)
    def change(learn, event): CHANGES[does][1](learn)
    def look(learn, event): read.append(facts(event, learn))
    cbs = [Callback(change, [CHANGES[does][0]])] if does in CHANGES else [Callback(trace), Callback(act)]
    if what=='two callbacks': cbs = [Callback(lambda learn, event: events.append(f'first: {event}')), Callback(act),
                                     Callback(lambda learn, event: events.append(f'second: {event}'))]
    if what=='what a callback reads': cbs = [Callback(look, READ)]
    metrics = [] if what.endswith('without metrics') else [error, largest]
    learn = cls(dls, model, square, Descent, 0.1, metrics=metrics, cbs=cbs)
    out = ''
    try: learn.fit(n_epoch)
    except Exception as e:
        if what!='the exception comes out of fit' or type(e).__name__ not in PARTS: raise
        out = type(e).__name__
    if what=='the exception comes out of fit': return {'what is raised': out}
    if what=='modes of the model': return numbered('forward pass', [mode(*o) for o in model.modes], 2*len(train+valid)+1)
    if what in ('events', 'two callbacks'): return numbered('event', events, len(learner_wanted(what, train, valid, n_epoch, does)))
    if what=='what a callback reads': return numbered('at', read, len(learner_wanted(what, train, valid, n_epoch, does)))
    rows = learn.record
    graph = any(isinstance(v, torch.Tensor) and v.requires_grad for row in rows for v in row)
    return in_record(rows, model.w.detach(), 'tensors with their graphs' if graph else 'numbers')

def in_record(rows, weights, kept='numbers'):
    return {'the number of rows in the record': len(rows), 'what the record keeps': kept} | {
        f'row {i} of the record': list(o) for i,o in enumerate(rows)} | {'the weights': weights}

def mode(training, grad): return ('training' if training else 'evaluation') + (', with gradients' if grad else ', without gradients')

def facts(event, o):
    "What can be read of `o`, a Learner or a simulation, at an event"
    if event=='before_fit': return f'{event}: n_epoch {o.n_epoch}'
    if event in ('before_train', 'before_validate'): return f'{event}: epoch {o.epoch}, training {o.training}, {len(o.dl)} batches'
    if event=='before_batch': 
        return f'{event}: epoch {o.epoch}, iter {o.iter}, training {o.training}, {len(o.xb)} inputs, {len(o.yb)} targets'
    loss = o.loss if event!='after_loss' or isinstance(o.loss, float) else o.loss.item()
    if event=='after_loss': return f'{event}: loss {loss:.4f}, first prediction {o.pred[0].item():.4f}'
    return f'{event}: weights {o.model.w[0].item():.4f} {o.model.w[1].item():.4f}'

@cache
def learner_wanted(what, train, valid, n_epoch, does=''):
    respond,read,doubled = responder(does),[],[]
    def hooks(s, event):
        if does in CHANGES and event==CHANGES[does][0]: CHANGES[does][2](s)
        if what=='what a callback reads' and event in READ:
            dl = train if event=='before_train' else valid
            view = SimpleNamespace(**vars(s) | dict(n_epoch=n_epoch, dl=dl, model=s), xb=getattr(s, 'x', None), yb=getattr(s, 'y', None))
            read.append(facts(event, view))
        error_name = respond(event)
        doubled.append(f'first: {event}')
        if not error_name: doubled.append(f'second: {event}')
        return error_name
    s = simulated(train[:1] if does.endswith('first batch only') else train, valid, n_epoch, 0.1, hooks,
                  0 if what.endswith('without metrics') else 2)
    if what=='the exception comes out of fit': return {'what is raised': s.out}
    if what=='modes of the model':
        once = ['training, with gradients']*len(train) + ['evaluation, without gradients']*len(valid)
        return numbered('forward pass', once*n_epoch, 2*len(train+valid)+1)
    found = {'events': s.events, 'two callbacks': doubled, 'what a callback reads': read}.get(what)
    if found: return numbered('at' if found is read else 'event', found, len(found)+1)
    return in_record(s.record, s.w)

# what goes wrong

def a_learner(events=True, after=True, suppress_after=True, no_grad=True, mode=True, clear=True, train_only=True, mean=means_of,
              early=True, first_epoch=0, first_iter=0,
              learn=True, order=('backward', 'step'), cancels=PARTS, columns=lambda a, b: a+b, rows=True,
              steps=True, all_parts=True, backwards=False, zero='after',
              suppress_before=True, training=lambda name: name=='train', measures=True, metrics_in=lambda training: not training,
              valid='valid', own_dl=True, fits=True, does=True, n=lambda o: o, batches_done=True, trained=True, fires=('before', 'after'),
              number=lambda o: o.item(),
              all_cbs=True, without=(), looks=True):
    class Wrong:
        def __init__(self, dls, model, loss_func, opt_func, lr, metrics=(), cbs=()):
            self.dls,self.model,self.loss_func,self.metrics,self.cbs = dls,model,loss_func,metrics,cbs[::-1] if backwards else cbs
            self.opt,self.record = opt_func(model.parameters(), lr=lr),[]
            for cb in cbs if learn else []: cb.learn = self
        def __call__(self, event):
            kind,_,part = event.partition('_')
            for cb in (self.cbs if all_cbs else self.cbs[:1]) if events and kind in fires and part not in without else []:
                if not looks or hasattr(cb, event): getattr(cb, event)()
        def with_events(self, name, f):
            which = tuple(cancel(k) for k,v in cancels.items() if v==name or not all_parts)
            try:
                self(f'before_{name}')
                if does: f()
                if not after: self(f'after_{name}')
            except which:
                if not suppress_before: raise
            if after:
                with suppress(*which if suppress_after else ()): self(f'after_{name}')
        def fit(self, n_epoch):
            self.n_epoch = n_epoch
            if fits: self.with_events('fit', self.all_epochs)
        def all_epochs(self):
            for self.epoch in range(first_epoch, n(self.n_epoch)+first_epoch): self.with_events('epoch', self.one_epoch)
        def one_epoch(self):
            a = self.one_pass('train', self.dls.train)
            with torch.set_grad_enabled(not no_grad): b = self.one_pass('validate', getattr(self.dls, valid))
            if not rows: self.record.clear()
            self.record.append(columns(a, b))
        def one_pass(self, name, dl):
            self.dl,self.training,self.measured = dl,training(name),[]
            self.given = dl
            if mode: self.model.train(self.training)
            if trained: self.with_events(name, self.all_batches)
            return mean(self.measured)
        def all_batches(self):
            for self.iter,(self.xb,self.yb) in enumerate(self.dl if own_dl else self.given, first_iter):
                if batches_done: self.with_events('batch', self.one_batch)
        def one_batch(self):
            if zero=='before': self.opt.zero_grad()
            self.with_events('pred', self.forward)
            self.with_events('loss', self.get_loss)
            if not early: self.measure()
            if self.training or not train_only:
                for name in order: self.with_events(name, getattr(self, name))
                if clear and zero=='after': self.opt.zero_grad()
        def forward(self): self.pred = self.model(self.xb)
        def get_loss(self):
            self.loss = self.loss_func(self.pred, self.yb)
            if early: self.measure()
        def backward(self): self.loss.backward()
        def step(self):
            if steps: self.opt.step()
        def measure(self):
            metrics = [f(self.pred, self.yb).item() for f in self.metrics] if metrics_in(self.training) else []
            if measures: self.measured.append([len(self.yb), number(self.loss), *metrics])
    return made(use_learner, Wrong)

def plain(rows): return [sum(c)/len(c) for c in list(zip(*rows))[1:]] or [math.nan]
def last(rows): return rows[-1][1:] if rows else [math.nan]
def use_names(what, train, valid, n_epoch, does=''): return 'looks at','training batches of','validation batches of','epochs','a callback'

check('BasicLearner', '05', learners, use=use_learner, facts=True, names=use_names, same=('BasicLearner', 'Learner'),
      without=('sgd',), hints=(
    'Begin with `CallbackLoop`, which has nearly all of it: copy its methods, make the optimizer from `opt_func`, and get one epoch '
    'with a record to run before you turn to the cancel exceptions. Which parts does a validation batch leave out?',
    '`with_events` suppresses the exception of its own part twice: around `before_` and `f()`, and around `after_`. `one_epoch` '
    'makes a pass '
    'over the training batches and, inside `torch.no_grad()`, one over those of validation, and appends the means of both to `record`. '
    'A pass sets `dl`, `training` and an empty list of what is measured, sets the mode of the model, does `all_batches` between '
    'its events, '
    'and returns the `weighted_mean`. The loss of a batch is measured as soon as it is computed.'),
      mistakes={
    'no events are fired: call the method of every callback that has one for the event': a_learner(events=False),
    'a cancelled part gets no `after_` event; fire it after the block that suppresses the exception, not inside it': a_learner(after=False),
    'a cancel exception that is raised at the `after_` event of its own part comes out of it; suppress it there, too':
        a_learner(suppress_after=False),
    'no exception is suppressed; each part of the loop ends at its own one, and the fit goes on after it': a_learner(cancels={}),
    'any cancel exception ends whatever part is running; each part has one of its own, and `cancelled_by` tells which':
        a_learner(all_parts=False),
    'the validation goes on with gradients; do it inside `torch.no_grad()`': a_learner(no_grad=False),
    'the model stays in training mode for the validation; call `self.model.train(self.training)` before each pass': a_learner(mode=False),
    'validation batches get a backward pass and a step, too; leave them out unless `self.training`': a_learner(train_only=False),
    'the model is trained on the validation batches, too; these get no gradients, no backward pass and no step':
        a_learner(train_only=False, no_grad=False),
    'the model is never trained: `training` is to be true in the pass over the training batches': a_learner(training=lambda name: False),
    'a cancel exception comes out of its part; suppress it around the `before_` event and what the part does':
        a_learner(suppress_before=False),
    'a callback need not have a method for each event; look for one with `hasattr(cb, event)`': a_learner(looks=False),
    'only the first callback responds; go through all of them': a_learner(all_cbs=False),
    'the events of training and validation as a whole are missing: `before_train`, `after_train`, `before_validate`, `after_validate`':
        a_learner(without=('train', 'validate')),
    'the events around the loss are missing': a_learner(without=('loss',)),
    'a batch has a backward pass but no optimizer step, nor its events': a_learner(order=('backward',)),
    'a callback that replaces `learn.dl` has no effect: loop over `self.dl`': a_learner(own_dl=False),
    'the validation goes over the training batches; its batches are `self.dls.valid`': a_learner(valid='train'),
    'nothing is measured; keep the number of examples and the loss of each batch': a_learner(measures=False),
    'the record has the validation only; the training loss is its first column': a_learner(columns=lambda a, b: b),
    'the metrics are measured in training instead of in validation': a_learner(metrics_in=lambda training: training),
    'the gradients are not cleared after the step, so that each batch adds to those of all before': a_learner(clear=False),
    'the gradients are cleared at the start of each batch; clear them after the step, since those of a cancelled batch '
    'are to add to the next':
        a_learner(zero='before'),
    'the optimizer takes its step before the backward pass, with the gradients of the batch before': a_learner(order=('step', 'backward')),
    'the optimizer never takes a step': a_learner(steps=False),
    'the record has plain means over the batches; a small batch counts less, so use `weighted_mean`': a_learner(mean=plain),
    'the record has what was measured on the last batch; take the mean over all batches of the pass': a_learner(mean=last),
    'the metrics are measured in training, too, and fill columns of their own; the record has them for validation only':
        a_learner(metrics_in=lambda training: True),
    'the loss is measured after the event `after_loss`; measure it before, so that a batch which is cancelled there is recorded':
        a_learner(early=False),
    'callbacks do not know the Learner; set `cb.learn = self` for each': a_learner(learn=False),
    'the epochs are counted from 1; `epoch` begins at 0': a_learner(first_epoch=1),
    'the batches are counted from 1; `iter` begins at 0': a_learner(first_iter=1),
    'the record has the validation columns first; the training loss comes before them': a_learner(columns=lambda a, b: b+a),
    'the record keeps only the last epoch; append a row for each': a_learner(rows=False),
    'callbacks respond in reverse order; go through the list from its start': a_learner(backwards=True),
    'nothing happens in `fit`; it does `all_epochs` between its events, by `with_events`': a_learner(fits=False),
    'the fit has its two events and no epoch between them: `with_events` calls `f()`, and `all_epochs` does the epochs':
        a_learner(does=False),
    'the events `before_...` are missing; fire them before each part': a_learner(fires=('after',)),
    'the events `after_...` are missing; fire them after each part': a_learner(fires=('before',)),
    'there is one epoch too few': a_learner(n=lambda o: o-1),
    'there is one epoch too many': a_learner(n=lambda o: o+1),
    'the epochs are counted from 1, and there is one too few; `range(n_epoch)` goes from 0 to n_epoch-1':
        a_learner(first_epoch=1, n=lambda o: o-1),
    'no batch is done; each of them is done between its events, by `with_events`': a_learner(batches_done=False),
    'a pass over the data does nothing; it does `all_batches` between its events, by `with_events`': a_learner(trained=False),
    'there is no backward pass, nor its events': a_learner(order=('step',)),
    'the record keeps the losses as tensors, and with them the graphs of all batches; keep numbers: `self.loss.item()`':
        a_learner(number=lambda o: o, mean=lambda rows: without_none(rows) if rows else [math.nan])})(learner_wanted)
