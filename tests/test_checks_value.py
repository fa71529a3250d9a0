"Page 3a: other right ways pass the checks, and wrong ones do not."
import math, random
import pytest
from fastfound.checking import verdict
from fastfound.value import Value
from test_checks import as_a_readers

class Recursive:
    "Sorted by a recursive search, with one function for each result, as in many a tutorial"
    def __init__(self, data, children=()): self.data,self.grad,self._children,self._backward = data,0.,children,lambda: None
    def _of(self, other): return other if isinstance(other, Recursive) else Recursive(other)
    def __add__(self, other):
        other = self._of(other)
        out = Recursive(self.data+other.data, (self,other))
        def back():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = back
        return out
    def __mul__(self, other):
        other = self._of(other)
        out = Recursive(self.data*other.data, (self,other))
        def back():
            self.grad += other.data*out.grad
            other.grad += self.data*out.grad
        out._backward = back
        return out
    def __pow__(self, n):
        out = Recursive(self.data**n, (self,))
        def back(): self.grad += n*self.data**(n-1)*out.grad
        out._backward = back
        return out
    def tanh(self):
        e = math.exp(2*self.data)
        t = (e-1)/(e+1)
        out = Recursive(t, (self,))
        def back(): self.grad += (1-t**2)*out.grad
        out._backward = back
        return out
    def __neg__(self): return self*-1
    def __sub__(self, other): return self + -self._of(other)
    def __radd__(self, other): return self+other
    def __rmul__(self, other): return self*other
    def backward(self):
        order,seen = [],set()
        def visit(v):
            if v in seen: return
            seen.add(v)
            for o in v._children: visit(o)
            order.append(v)
        visit(self)
        self.grad = 1
        for v in reversed(order): v._backward()

class Counting:
    "Passes a gradient on once all uses of a value have added theirs"
    def __init__(self, data, parts=()): self.data,self.grad,self.parts = data,0.,parts
    def __add__(self, o):
        o = o if isinstance(o, Counting) else Counting(o)
        return Counting(self.data+o.data, ((self,1.),(o,1.)))
    def __mul__(self, o):
        o = o if isinstance(o, Counting) else Counting(o)
        return Counting(self.data*o.data, ((self,o.data),(o,self.data)))
    def __pow__(self, n): return Counting(self.data**n, ((self, n*self.data**n/self.data),))
    def tanh(self): return Counting(math.tanh(self.data), ((self, 1/math.cosh(self.data)**2),))
    __radd__,__rmul__ = __add__,__mul__
    def __sub__(self, o): return self+o*-1
    def backward(self):
        uses,waiting = {},[self]
        while waiting:
            for o,_ in waiting.pop().parts:
                if o not in uses: waiting.append(o)
                uses[o] = uses.get(o, 0)+1
        self.grad,ready = 1.,[self]
        while ready:
            v = ready.pop()
            for o,d in v.parts:
                o.grad += d*v.grad
                uses[o] -= 1
                if not uses[o]: ready.append(o)

def order_by_visits():
    "The book's, with a recursive search in place of the indices"
    old = "return sorted(found, key=lambda v: v.index, reverse=True)"
    new = """order,seen = [],set()
        def visit(v):
            if v in seen: return
            seen.add(v)
            for o in v.inputs: visit(o)
            order.append(v)
        visit(self)
        return order[::-1]"""
    return as_a_readers('Value', (old, new))

@pytest.mark.parametrize('f', [Recursive, Counting])
def test_a_value_with_other_attributes_is_told_that_the_page_reads_them(f):
    v = verdict('Value', f)
    assert v.mistake.startswith('the gradients are right, but what the page reads') and 'the attributes of a*b' in v.text, v.text

class OwnNeuron:
    def __init__(self, n_in):
        self.w,self.b = [Value(random.normalvariate(0, 1)/math.sqrt(n_in)) for _ in range(n_in)],Value(0.)
    def __call__(self, xs):
        total = self.b
        for i,x in enumerate(xs): total = total + x*self.w[i]
        return total.tanh()
    def parameters(self): return [self.b]+self.w
class OwnLayer:
    def __init__(self, n_in, n_out): self.neurons = [OwnNeuron(n_in) for _ in range(n_out)]
    def __call__(self, xs): return tuple(o(xs) for o in self.neurons)
    def parameters(self): return sum((o.parameters() for o in self.neurons), [])
class OwnMLP:
    def __init__(self, *sizes):
        self.layers = []
        for i in range(len(sizes)-1): self.layers.append(OwnLayer(sizes[i], sizes[i+1]))
    def __call__(self, xs):
        for o in self.layers: xs = o(xs)
        return xs
    def parameters(self): return [p for o in self.layers for n in o.neurons for p in n.parameters()]

class OneOutput(OwnMLP):
    "Gives no list where there is a single output"
    def __call__(self, xs):
        xs = super().__call__(xs)
        return xs[0] if len(xs)==1 else xs
class FirstOutput(OwnMLP):
    def __call__(self, xs): return super().__call__(xs)[0]

@pytest.mark.parametrize('name,f', [('Value', order_by_visits()), ('Neuron', OwnNeuron), ('Layer', OwnLayer), ('MLP', OwnMLP)])
def test_another_way_is_right(name, f):
    v = verdict(name, f)
    assert v, v.text

WRONG = {
    'Value': [('inp.grad +=', 'inp.grad ='), ('(lambda g: g, lambda g: g)', '(lambda g: g, lambda g: -g)'),
              ('lambda g: g*b.data, lambda g: g*a.data', 'lambda g: g*a.data, lambda g: g*b.data'),
              ('lambda g: g*b.data', 'lambda g: b.data'), ('g*n*a.data**(n-1)', 'g*a.data**(n-1)'), ('**(n-1)', '**n'),
              ('(1-t*t)', '(1-t)'), ('(1-t*t)', '(1+t*t)'), ('g*(1-t*t)', '(1-t*t)'),
              ('self.grad = 1.', 'pass'), ('self.grad = 1.', 'self.grad += 2.'), (', reverse=True', ''),
              ('sorted(found, key=lambda v: v.index, reverse=True)', 'list(found)'),
              ('__radd__,__rmul__ = __add__,__mul__', '__radd__ = __add__'), ('a + -1*b', 'a + b'), ('a + -1*b', 'b + -1*a'),
              ('a.data+b.data', 'a.data-b.data'), ('math.tanh', 'math.sin'),
              ('self.data,self.grad', 'self.grad,self.data'),
              ('sorted(found, key=lambda v: v.index, reverse=True)', '[self, *self.inputs]'), ('inp.grad += ', 'v.grad += ')],
    'Neuron': [('.tanh()', ''), (', self.b).tanh()', ', Value(0.)).tanh()'), ('[*self.w, self.b]', 'self.w'), ('-0.5', '-1'),
               ('n_in**-0.5', '1'), ('Value(0.)', 'Value(1.)'), ('w*x', 'w+x')],
    'Layer': [('[Neuron(n_in) for _ in range(n_out)]', '[Neuron(n_in)]*n_out'), ('range(n_out)', 'range(n_in)'),
              ('neuron(xs) for', 'neuron(xs)*2 for')],
    'MLP': [('xs = layer(xs)', 'out = layer(xs)'), ('sizes[1:]', 'sizes[2:]'),
            ('for layer in self.layers for p', 'for layer in self.layers[:1] for p')]}

@pytest.mark.parametrize('name,f,text', [
    ('MLP', OneOutput, 'where there is one output it comes back alone'), ('MLP', FirstOutput, 'the first output comes back alone'),
    ('Value', as_a_readers('Value', ('g*(1-t*t)', '(1-t*t)')), 'the backward function of the tanh leaves out'),
    ('Value', as_a_readers('Value', ('g*n*a.data', 'n*a.data')), 'the backward function of the power leaves out')])
def test_a_usual_mistake_of_readers_is_told(name, f, text):
    v = verdict(name, f)
    assert v.mistake.startswith(text), v.text

@pytest.mark.parametrize('name,change', [(name, o) for name,changes in WRONG.items() for o in changes])
def test_a_wrong_way_is_found(name, change):
    assert verdict(name, as_a_readers(name, change), seconds=1).state=='wrong', change

def test_a_pass_for_each_path_takes_too_long():
    text = "        for v in self.backward_order():\n"
    text += "            for inp,backward_fn in zip(v.inputs, v.backward_fns): inp.grad += backward_fn(v.grad)"
    recursion = ("        def hand_on(v, g):\n            for inp,backward_fn in zip(v.inputs, v.backward_fns):\n"
                 "                inp.grad += backward_fn(g)\n                hand_on(inp, backward_fn(g))\n        hand_on(self, 1.)")
    v = verdict('Value', as_a_readers('Value', (text, recursion)), seconds=0.5)
    assert 'no answer within 0.5 seconds' in v.text and 'doubled(a, times=60)' in v.text, v.text
