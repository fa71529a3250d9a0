"Chapter 5: other right ways pass the checks, and wrong ones do not."
import importlib
import pytest, torch
from fastfound.checking import verdict
from fastfound.checks.spec import CHECKS
from fastfound.learner import CancelFitException, Learner
from fastfound.training_loop import cancelled_by
from test_checks import as_a_readers

def mean_by_sums(rows):
    if len(rows)==0: return [float('nan')]
    sums,n = [0.]*(len(rows[0])-1),0
    for count,*values in rows:
        n += count
        for i,v in enumerate(values): sums[i] += count*v
    return [o/n for o in sums]
def mean_by_tensor(rows):
    if not rows: return [float('nan')]
    t = torch.tensor(rows, dtype=torch.float64)
    n = t[:,:1]/t[:,0].sum()
    return (n*t[:,1:]).sum(0).tolist()

class Nested:
    "One long method, with a context for the events"
    def __init__(self, dls, model, loss_func, opt_func, lr, metrics=(), cbs=()):
        self.dls,self.model,self.loss_func = dls,model,loss_func
        self.opt = opt_func(list(model.parameters()), lr)
        self.metrics,self.cbs,self.record = list(metrics),list(cbs),[]
        for cb in self.cbs: cb.learn = self
    def fire(self, name):
        for cb in self.cbs:
            respond = getattr(cb, name, None)
            if respond is not None: respond()
    def part(self, name):
        learn,error = self,cancelled_by.get(name)
        class Part:
            def __enter__(self): return self
            def __exit__(self, kind, e, tb):
                if kind is not None and (error is None or not issubclass(kind, error)): return False
                try: learn.fire(f'after_{name}')
                except Exception as e:
                    if error is None or not isinstance(e, error): raise
                return True
            def run(self, f):
                learn.fire(f'before_{name}')
                f()
        return Part()
    def do(self, name, f):
        with self.part(name) as part: part.run(f)
    def fit(self, n_epoch):
        self.n_epoch = n_epoch
        def all_epochs():
            for epoch in range(n_epoch):
                self.epoch = epoch
                self.do('epoch', self.epoch_)
        self.do('fit', all_epochs)
    def epoch_(self):
        row = []
        for training,name,dl in ((True, 'train', self.dls.train), (False, 'validate', self.dls.valid)):
            self.training,self.dl,sums,n = training,dl,[0.]*(1+(0 if training else len(self.metrics))),0
            if training: self.model.train()
            else: self.model.eval()
            def measure():
                nonlocal n
                n += len(self.xb)
                for i,v in enumerate([self.loss, *([] if training else [m(self.pred,
                    self.yb) for m in self.metrics])]): sums[i] += len(self.xb)*float(v)
            def loss():
                self.loss = self.loss_func(self.pred, self.yb)
                with torch.no_grad(): measure()
            def predict(): self.pred = self.model(self.xb)
            def batch():
                self.do('pred', predict)
                self.do('loss', loss)
                if training:
                    self.do('backward', lambda: self.loss.backward())
                    self.do('step', lambda: self.opt.step())
                    self.opt.zero_grad()
            def batches():
                self.iter = 0
                for self.xb,self.yb in self.dl:
                    self.do('batch', batch)
                    self.iter += 1
            with torch.set_grad_enabled(training): self.do(name, batches)
            row += [o/n if n else float('nan') for o in sums]
        self.record.append(row)

class TryFinally(Nested):
    "Each part in a `try` of its own"
    def do(self, name, f):
        error = cancelled_by.get(name, ())
        try:
            self.fire('before_'+name)
            f()
        except error: pass
        try: self.fire('after_'+name)
        except error: pass

def mean_by_float32(rows):
    if not rows: return [float('nan')]
    counts,*columns = torch.tensor(rows).t()
    return [((counts*o).sum()/counts.sum()).item() for o in columns]

class HandByLayers(Learner):
    "Goes through the layers itself"
    def forward(self):
        x, = self.xb
        for layer in self.model.layers: x = layer(x)
        self.pred = x
    def backward(self):
        self.loss_func.backward()
        for layer in self.model.layers[::-1]: layer.backward()

class StopsByItself:
    def after_loss(self):
        if not self.loss<100: raise CancelFitException

class OwnHand(Learner):
    def forward(self):
        x = self.xb
        self.pred = self.model.predict(*[o for o in x])
        return self.pred
    def backward(self): return self.model.backward()

@pytest.mark.parametrize('name,f', [('weighted_mean', mean_by_sums), ('weighted_mean', mean_by_tensor), ('weighted_mean', mean_by_float32),
                                    ('HandLearner', HandByLayers), ('BasicLearner', Nested),
                                    ('BasicLearner', TryFinally), ('HandLearner', OwnHand)])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

AFTER = "        with suppress(cancelled_by.get(name, ())): self(f'after_{name}')"
WRONG = {
    'weighted_mean': [('/sum(counts)', ''), ('n*v for', 'v for'), ('/sum(counts)', '/len(counts)'),
                      ("    if not rows: return [float('nan')]\n", ''), ("[float('nan')]", '[0.]'), ('counts,*columns', '*columns,counts'),
                      ('n*v for', 'n+v for'), ('for column in columns]', 'for column in columns][:1]'), ('n*v for', 'v/n for')],
    'BasicLearner': [("        for cb in cbs: cb.learn = self\n", ''), ('if hasattr(cb, event): ', ''),
                     (AFTER, AFTER.replace('with suppress(cancelled_by.get(name, ())): ', '')), ('\n'+AFTER, '\n    '+AFTER),
                     ('with suppress(cancelled_by.get(name, ())):\n            self(', 'if True:\n            self('),
                     ('cancelled_by.get(name, ())', 'tuple(cancelled_by.values())'),
                     ("name=='train'", 'True'), ("name=='train'", 'False'), ('self.model.train(self.training)', 'self.model.train()'),
                     ('with torch.no_grad(): ', ''), ('[*train_loss, *results]', '[*results, *train_loss]'),
                     ('[*train_loss, *results]', 'results'), ('self.record.append([*train_loss, *results])',
                                                              'self.record = [[*train_loss, *results]]'),
                                                              ('self.dls.valid', 'self.dls.train'),
                     ('            self.opt.zero_grad()', '            pass'), ("            self.with_events('step', self.step)\n", ''),
                     ('        if self.training:\n', '        if True:\n'),
                     ("self.with_events('backward', self.backward)", "self.with_events('step', self.step)"),
                     ("self.opt.step()", 'self.opt'), ('        self.measure()\n', ''), ('[len(self.yb), self', '[1, self'),
                     ('if self.training else [f', 'if not self.training else [f'), ('range(self.n_epoch)', 'range(self.n_epoch-1)'),
                     ('range(self.n_epoch)', 'range(1, self.n_epoch+1)'), ('enumerate(self.dl)', 'enumerate(self.dls.train)'),
                     ('enumerate(self.dl)', 'enumerate(self.dl, 1)'), ('for cb in self.cbs:', 'for cb in self.cbs[::-1]:'),
                     ('for cb in self.cbs:', 'for cb in self.cbs[:1]:'), ('self.pred = self.model(self.xb)',
                         'self.pred = self.model(self.xb).detach()'),
                     ('lr=lr', 'lr=0.01'), ("f'before_{name}'", "f'after_{name}'"),
                     ("self.with_events(name, self.all_batches)", 'self.all_batches()'),
                     ("self.with_events('loss', self.get_loss)", 'self.get_loss()'),
                     ('return weighted_mean(self.measured)', 'return self.measured[-1][1:] if self.measured else []'),
                     ("self.dl,self.training,self.measured = dl,name=='train',[]",
                      "self.dl,self.training,self.measured = dl,name=='train',getattr(self, 'measured', [])"),
                     ("        self.with_events('pred', self.forward)",
                      "        self.opt.zero_grad()\n        self.with_events('pred', self.forward)"),
                     ('        self.loss = self.loss_func(self.pred, self.yb)\n        self.measure()\n',
                      '        self.loss = self.loss_func(self.pred, self.yb)\n'),
                      ('self.pred, self.yb).item()', 'self.yb, self.pred).item()')],
    'HandLearner': [('predict(*self.xb)', 'predict(self.xb)'), ('self.model.predict(*self.xb)', 'self.model(*self.xb, self.yb)'),
                    ('self.model.backward()', 'self.model'), ('self.model.backward()', 'self.loss.backward()'),
                    ('self.pred = ', 'return '), ('self.model.backward()', 'self.model.backward(); self.model.backward()')]}

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change)).state=='wrong', change

@pytest.mark.parametrize('old,new,text', [
    ('        self.pred = self.model.predict(*self.xb)', '        return self.model.predict(*self.xb)', '`forward` returns'),
    ('*self.xb', 'self.xb', '`xb` is a list'), ('self.model.predict(*self.xb)', 'self.model(*self.xb)', 'calling the model')])
def test_a_usual_mistake_of_a_hand_learner_is_told(old, new, text):
    v = verdict('HandLearner', as_a_readers('HandLearner', (old, new)))
    assert v.mistake.startswith(text), v.text
    assert any(o==v.mistake for o in CHECKS['HandLearner'].mistakes)

def test_a_loss_of_the_callback_itself_is_told():
    assert verdict('StopIfExploded', StopsByItself).mistake.startswith('a callback has no `loss`')

def test_pytorchs_backward_is_told():
    class Half(Learner):
        def forward(self): self.pred = self.model.predict(*self.xb)
    v = verdict('HandLearner', Half)
    assert v.mistake.startswith("PyTorch's `backward`"), v.text

def test_the_librarys_learner_is_no_answer():
    def by_library(dls, model, loss_func, opt_func, lr, metrics=(),
                   cbs=()): return importlib.import_module('fastfound.learner').Learner(dls, model, loss_func, opt_func, lr)
    assert "it uses the book's Learner" in verdict('BasicLearner', by_library).text

def test_a_class_that_is_only_imported_is_not_used():
    "The body of a class in the library is run once, when its module is first imported"
    late = {'__name__': 'late'}
    exec("def imported(): exec('class weighted_mean: pass', {'__name__': 'fastfound.imported_late'})", late)
    def by_sums(rows):
        late['imported']()
        return mean_by_sums(rows)
    here = {'__name__': 'fastfound.imported_late', 'mean_by_sums': mean_by_sums}
    exec('def weighted_mean(rows): return mean_by_sums(rows)', here)
    def by_call(rows): return here['weighted_mean'](rows)
    assert verdict('weighted_mean', by_sums) and "the book's weighted_mean" in verdict('weighted_mean', by_call).text
