"The engine for single numbers: random formulas against central differences, values used again, graphs deeper than recursion allows."
import math, random
import torch
from fastfound.value import MLP, Layer, Neuron, Value

def formula(rng, inputs, n=12):
    "What `n` random operations make of `inputs`: numbers or Values, the latter used again and again"
    known = list(inputs)
    for _ in range(n):
        a,b = rng.choice(known),rng.choice(known)
        kind = rng.randrange(6)
        if kind==0: known.append(a.tanh() if isinstance(a, Value) else math.tanh(a))
        else: known.append([a+b, a*b, a-b, a**2, 0.5*a+0.1][kind-1])
    return known[-1]+known[-2]

def test_gradients_are_central_differences():
    for seed in range(100):
        rng = random.Random(seed)
        data = [rng.uniform(-0.9, 0.9) for _ in range(3)]
        inputs = [Value(o) for o in data]
        out = formula(random.Random(seed), inputs)
        out.backward()
        assert out.data==formula(random.Random(seed), data) and out.grad==1
        for i,o in enumerate(inputs):
            up,down = (formula(random.Random(seed), [x+h*(i==j) for j,x in enumerate(data)]) for h in (1e-5, -1e-5))
            assert abs(o.grad-(up-down)/2e-5)<=1e-6*max(1, abs(o.grad)), (seed, i)

def test_a_value_that_is_used_twice():
    a = Value(3.)
    (a*a + a).backward()
    assert a.grad==7
    (a*a).backward()
    assert a.grad==13  # a second backward pass adds to the first

def test_the_order_has_each_value_once_before_its_inputs():
    a = Value(2.)
    b = a+a
    c = b*b + a.tanh()
    order = c.backward_order()
    assert order[0] is c and len(order)==len(set(order))==5
    assert all(order.index(o)<order.index(i) for o in order for i in o.inputs)

def test_a_deep_graph_is_no_recursion():
    x = y = Value(1.)
    for _ in range(5000): y = y+x
    y.backward()
    assert x.grad==5001
    del y  # freeing it is none, either

def test_numbers_stand_on_either_side():
    x = Value(3.)
    f = 2*x - x*x + (1+x)**3 - 5
    f.backward()
    assert (f.data, x.grad)==(56., 2-6+48.)
    x = Value(2.)
    (x**-1).backward()
    assert x.grad==-0.25

def test_a_network_has_the_gradients_of_pytorch():
    random.seed(0)
    model = MLP(3, 4, 2, 1)
    assert [len(o.neurons) for o in model.layers]==[4,2,1] and len(model.parameters())==4*4 + 2*5 + 3
    assert all(isinstance(o, Layer) for o in model.layers) and isinstance(model.layers[0].neurons[0], Neuron)
    xs = [random.gauss(0, 1) for _ in range(3)]
    loss = (model(xs)[0]-1)**2
    loss.backward()
    theirs,out = [],torch.tensor(xs, dtype=torch.float64)
    for layer in model.layers:
        w = torch.tensor([[o.data for o in n.w] for n in layer.neurons], dtype=torch.float64, requires_grad=True)
        b = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64, requires_grad=True)
        theirs.append((layer,w,b))
        out = (w@out + b).tanh()
    ((out[0]-1)**2).backward()
    for layer,w,b in theirs:
        for n,w_grad,b_grad in zip(layer.neurons, w.grad, b.grad):
            assert all(abs(o.grad-g)<1e-12 for o,g in zip(n.w, w_grad)) and abs(n.b.grad-b_grad)<1e-12
