"What 02_fully_connected promises, over many seeds, and its edge cases."
import math
import pytest, torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from torch import nn
from fastfound.fully_connected import kaiming, layer_stats, lin, lsuv, mse, normalize, relu, xavier

def test_normalize_gives_mean_0_and_std_1():
    x = torch.rand(100, 784, generator=torch.Generator().manual_seed(0), dtype=torch.float64)*255
    z = normalize(x, x.mean(), x.std())
    assert z.mean().abs()<1e-12 and (z.std()-1).abs()<1e-12
    torch.testing.assert_close(normalize(x[:5], x.mean(), x.std()), z[:5], rtol=0, atol=0)

def test_lin_and_relu_are_pytorchs():
    x,w,b = (torch.randn(*o, dtype=torch.float64) for o in ((5,4), (4,3), (3,)))
    torch.testing.assert_close(lin(x, w, b), F.linear(x, w.t(), b), rtol=0, atol=1e-13)
    x = torch.tensor([-math.inf,-1.,-0.,0.,2.,math.inf,math.nan]).repeat(5)
    torch.testing.assert_close(relu(x), x.relu(), rtol=0, atol=0, equal_nan=True)

@pytest.mark.parametrize('a,b', [((3,1),(3,)), ((3,),(3,1)), ((3,),(1,)), ((1,),()), ((2,3),(3,2))])
def test_mse_refuses_what_would_broadcast(a, b):
    with pytest.raises(AssertionError, match='wanted equal shapes'): mse(torch.zeros(a), torch.zeros(b))

@pytest.mark.parametrize('n_in,n_out', [(500,1000), (1000,500)])
def test_standard_deviations_of_random_weights(n_in, n_out):
    "Half a million weights: their standard deviation is known to 1/sqrt(1,000,000), which is 0.1 %; the band is seven times that"
    for seed in range(10):
        torch.manual_seed(seed)
        cases = [(xavier(n_in, n_out), math.sqrt(2/1500))]
        for a in (0., 0.3, 1., math.sqrt(5)):
            cases += [(kaiming(n_in, n_out, a), math.sqrt(2/((1+a*a)*n_in))),
                      (kaiming(n_in, n_out, a, 'fan_out'), math.sqrt(2/((1+a*a)*n_out)))]
        for w,std in cases: assert w.shape==(n_in,n_out) and abs(w.std()/std-1)<0.007 and abs(w.mean())<0.007*std

def test_a_deep_network_keeps_the_mean_of_the_squares_and_a_typical_draw_is_half():
    "The logarithm of what 50 layers of 100 units do to the mean of the squares has a variance of 50*5/100: the median root is exp(-5/8)"
    torch.manual_seed(0)
    x = torch.ones(400, 1, 100)
    for _ in range(50): x = relu(x @ torch.stack([kaiming(100, 100) for _ in range(400)]))
    squares = x.pow(2).mean((1,2))
    assert 0.5<squares.mean()<2 and abs(squares.median().sqrt()-math.exp(-5/8))<0.1 and (squares>1).float().mean()<0.35

def test_equal_units_stay_equal():
    "Their gradients are equal, and 0 where the weights after them are; random weights have different ones"
    torch.manual_seed(0)
    x,y = torch.randn(20, 10, dtype=torch.float64),torch.randn(20, dtype=torch.float64)
    for w1,w2,units in ((torch.full((10,5), 0.1), torch.full((5,1), 0.2), 1), (torch.zeros(10,5), torch.zeros(5,1), 1),
                        (torch.full((10,5), 0.1), kaiming(5,1), 5), (kaiming(10,5), torch.full((5,1), 0.2), 5)):
        w = w1.double().requires_grad_()
        loss = mse(lin(relu(lin(x, w, torch.zeros(5))), w2.double(), torch.zeros(1)).squeeze(-1), y)
        g, = torch.autograd.grad(loss, w)
        assert len(g.mul(1e9).round().unique(dim=1).t())==units and (g.abs().max()>0)==bool(w2.any())

def test_layer_stats():
    stats = layer_stats([relu, lambda x: x-100, relu], torch.tensor([[-1.,2.],[-3.,-4.]]))
    assert stats.column('dead')==[0.5, 0., 1.] and stats.column('layer')==[1, 2, 3]
    assert stats.rows[2]=={'layer': 3, 'mean': 0., 'std': 0., 'dead': 1.} and '100%' in repr(stats)
    ax = stats.plot(label='x')
    line, = ax.lines
    assert math.isnan(line.get_ydata()[2]) and line.get_label()=='x' and ax.get_yscale()=='log'
    assert stats.plot(ax) is ax and len(ax.lines)==2
    plt.close('all')
    conv = layer_stats([nn.Conv2d(1, 4, 3, padding=1), relu], torch.randn(8, 1, 5, 5))
    assert len(conv.rows)==2 and not any(p.grad is not None for p in nn.Linear(2,2).parameters())

def test_lsuv_any_seed():
    for seed in range(10):
        torch.manual_seed(seed)
        net,x = [nn.Linear(64,30), relu, nn.Linear(30,30), torch.tanh, nn.Linear(30,10)],torch.randn(200, 64)*3+1
        lsuv(net, x)
        std = layer_stats(net, x).column('std')
        assert all(abs(std[i]-1)<1.1e-3 for i in (0,2,4)), std

def test_lsuv_leaves_what_it_cannot_scale():
    with pytest.raises(ValueError, match='lsuv: layer 0 gives a standard deviation of nan'):
        lsuv([nn.Linear(3,3)], torch.full((4,3), math.nan))
    with pytest.raises(ValueError, match='lsuv: layer 1 gives a standard deviation of 0.0'):
        lsuv([relu, nn.Linear(3,3, bias=False)], -torch.ones(4,3))
    layer = nn.Linear(3,3)
    before = layer.weight.detach().clone()
    lsuv([layer], torch.randn(50,3), max_iter=0)
    assert torch.equal(layer.weight, before)
