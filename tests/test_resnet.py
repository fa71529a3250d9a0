"What 07_resnet promises: the lesson's layers give the numbers of the library's and of PyTorch's, and the networks are the published ones."
import pytest, torch, torch.nn.functional as F
from conftest import same
from torch import nn
from fastfound.basics import test_near as near
from fastfound.convolutions import BatchNorm, avg_pool2d, conv2d, max_pool2d
from fastfound.resnet import BasicNorm, ResBlock, Skip, basic_conv, basic_pool, resnet18, small_resnet

def drawn(seed, *shape): return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

def with_gradients(f, *tensors):
    "The output of `f`, and the gradients of a weighted sum of it for all `tensors`"
    leaves = [t.clone().requires_grad_() for t in tensors]
    out = f(*leaves)
    return out.detach(),*torch.autograd.grad((out*drawn(7, *out.shape)).sum(), leaves)

def agree(fs, *tensors):
    first,*others = (with_gradients(f, *tensors) for f in fs)
    for other in others:
        for a,b in zip(first, other, strict=True): same(a, b)

@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('padding', [0, 1, 2])
@pytest.mark.parametrize('size', [(3,3), (1,4)])
def test_the_convolution_of_the_lesson(stride, padding, size):
    agree([lambda x, w, b, f=f: f(x, w, b, stride=stride, padding=padding) for f in (basic_conv, conv2d, F.conv2d)],
          drawn(0, 2, 3, 9, 8), drawn(1, 4, 3, *size), drawn(2, 4))

@pytest.mark.parametrize('side', [4, 7])
def test_the_pooling_of_the_lesson(side):
    x = drawn(0, 2, 3, side, side+1)
    agree([basic_pool, max_pool2d, lambda x: F.max_pool2d(x, 2)], x)
    agree([lambda x: basic_pool(x, torch.mean), avg_pool2d, lambda x: F.avg_pool2d(x, 2)], x)

def test_the_normalisation_of_the_lesson():
    "Values, gradients and running statistics over three batches, then in evaluation mode"
    layers = BasicNorm(3, 1e-3, 0.2).double(),BatchNorm(3, 1e-3, 0.2).double(),nn.BatchNorm2d(3, 1e-3, 0.2).double()
    weights = [[*o.parameters()] for o in layers]
    for pair in weights:
        for k,p in enumerate(pair): p.data = drawn(k, 3).view(p.shape)
    def both(x):
        agree(layers, x)
        grads = [torch.autograd.grad((o(x)*drawn(7, *x.shape)).sum(), o.parameters()) for o in layers]
        for other in grads[1:]:
            for a,b in zip(grads[0], other, strict=True): same(a.flatten(), b)
        for o in layers[1:]:
            same(layers[0].mean.flatten(), o.running_mean)
            same(layers[0].var.flatten(), o.running_var)
    for seed in range(3): both(3*drawn(seed, 4, 3, 5, 6)+1)
    for o in layers: o.eval()
    both(drawn(9, 4, 3, 5, 6))

# the parameters and buffers of the published network, as in its other implementations
def published():
    def norm(name): return [f'{name}.{o}' for o in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')]
    names = ['conv1.weight', *norm('bn1')]
    for stage in range(1, 5):
        for block in range(2):
            at = f'layer{stage}.{block}'
            names += [f'{at}.conv1.weight', *norm(f'{at}.bn1'), f'{at}.conv2.weight', *norm(f'{at}.bn2')]
            if stage>1 and block==0: names += [f'{at}.downsample.0.weight', *norm(f'{at}.downsample.1')]
    return [*names, 'fc.weight', 'fc.bias']

def test_resnet18_is_the_published_network(tmp_path):
    model = resnet18()
    assert list(model.state_dict())==published() and len(published())==122
    assert sum(p.numel() for p in model.parameters())==11_689_512
    shapes,x = {},torch.zeros(1,3,224,224)
    with torch.no_grad():
        for name,layer in model.eval().named_children():
            x = layer(x)
            shapes[name] = tuple(x.shape[1:])
    assert shapes=={'conv1': (64,112,112), 'bn1': (64,112,112), 'relu': (64,112,112), 'maxpool': (64,56,56), 'layer1': (64,56,56),
                    'layer2': (128,28,28), 'layer3': (256,14,14), 'layer4': (512,7,7), 'avgpool': (512,1,1), 'flatten': (512,),
                    'fc': (1000,)}
    torch.save(model.state_dict(), tmp_path/'weights.pth')
    other = resnet18()
    other.load_state_dict(torch.load(tmp_path/'weights.pth', weights_only=True))
    assert torch.equal(other.fc.weight, model.fc.weight) and torch.equal(other.layer4[1].conv2.weight, model.layer4[1].conv2.weight)

def test_resnet18_starts_as_published():
    "Normal weights with a variance of two divided by the outputs of each input; the standard deviation of 1,179,648 is known to 0.07 %"
    torch.manual_seed(0)
    w = resnet18().layer4[0].conv1.weight
    assert abs(w.std()*(512*9/2)**0.5-1)<4e-3 and abs(w.mean())<1e-4
    model = resnet18(7, n_in=1)
    assert model(torch.zeros(2,1,32,32)).shape==(2,7)
    for o in model.modules():
        if isinstance(o, nn.BatchNorm2d): assert (o.weight==1).all() and (o.bias==0).all()

def test_a_block_can_be_the_identity():
    "With its last gamma at 0; and it is none with gamma at 1"
    torch.manual_seed(0)
    x = torch.randn(2,8,5,5).relu()
    for block,norm in ((b := ResBlock(8, 8), b.bn2), (s := Skip(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)), s.layers[-1])):
        assert not torch.equal(block(x), x)
        nn.init.zeros_(norm.weight)
        assert torch.equal(block(x), x)

@pytest.mark.parametrize('n_in, n_out, stride', [(4,4,1), (4,8,1), (4,4,2), (4,8,2)])
def test_blocks_change_size_and_channels(n_in, n_out, stride):
    block = ResBlock(n_in, n_out, stride)
    assert block(torch.zeros(2,n_in,8,8)).shape==(2, n_out, 8//stride, 8//stride)
    assert isinstance(block.downsample, nn.Identity)==(n_in==n_out and stride==1)

@pytest.mark.parametrize('side', [8, 15, 28, 64])
def test_small_resnet_takes_images_of_any_size(side):
    assert small_resnet(5, 3)(torch.zeros(2,3,side,side)).shape==(2,5)
    assert sum(p.numel() for p in small_resnet().parameters())==70_330
    assert sum(p.numel() for p in small_resnet(widths=(8,16,32)).parameters())<18_000

def test_memory_order_does_not_change_the_output():
    torch.manual_seed(0)
    model,x = small_resnet().double().eval(),drawn(0, 4, 1, 28, 28)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    near(model(x), model.to(memory_format=torch.contiguous_format)(x), tol=1e-12)
