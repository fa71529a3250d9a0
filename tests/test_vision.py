"A Learner on folders of any pictures, and what the network looks at."
import copy
import pytest, torch
import numpy as np
import torch.nn.functional as F
from PIL import Image
from torch import nn
import fastfound.interpret, fastfound.schedules
from fastfound.basics import set_seed, test_near as near
from fastfound.dataloaders import DataLoaders
from fastfound.datasets import URLs, get_mnist, untar_data
from fastfound.images import ImageDataLoaders
from fastfound.learner import Callback
from fastfound.metrics import accuracy
from fastfound.resnet import resnet18, small_resnet
from fastfound.vision import class_activation_map, cnn_learner, show_filters, vision_learner

# Learner

@pytest.fixture(scope='module')
def digits(): return ImageDataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE, 'sample'), bs=32)

@pytest.fixture(scope='module')
def trained(digits):
    set_seed(1)
    learn = vision_learner(digits, small_resnet, metrics=accuracy)
    learn.fit_one_cycle(2, 0.01, quiet=True)
    return learn

def test_digits_from_files_are_the_digits(digits):
    data = get_mnist('sample')
    assert (digits.train.n,digits.valid.n)==(800,200) and digits.vocab==['3','7']
    rows = [int(o.stem) for o in digits.files[1]]
    assert torch.equal(digits.valid.dataset[0], data.x_test[rows][:,None].expand(-1,3,28,28))

@pytest.mark.long
def test_the_last_cells_of_chapter_4():
    "As they stand in the fastai book"
    from fastfound.all import F, ImageDataLoaders, accuracy, cnn_learner, resnet18, vision_learner
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    dls = ImageDataLoaders.from_folder(path)
    assert dls.train.batch_size==64
    for make in (vision_learner, cnn_learner):
        learn = make(dls, resnet18, pretrained=False,
                     loss_func=F.cross_entropy, metrics=accuracy)
    learn.fit_one_cycle(1, 0.1, quiet=True)
    assert len(learn.recorder.values[-1])==3 and len(learn.recorder.losses)==13

@pytest.mark.parametrize('arch', [small_resnet, resnet18])
def test_it_trains_like_a_plain_loop(digits, arch):
    "With PyTorch's AdamW and the same schedule, in float64; most weights in the last stage of resnet18 see only padding"
    set_seed(0)
    twin,(x,y) = arch(2, 3).double().train(),digits.one_batch()
    x,y = x[:6].double(),y[:6]
    learn = vision_learner(digits, lambda *args, **kw: copy.deepcopy(twin), loss_func=F.cross_entropy)
    learn.dls,lrs,momentums = DataLoaders([(x, y)]*3),[],[]
    watch = Callback()
    watch.after_loss = lambda: (lrs.append(learn.opt.param_groups[0]['lr']), momentums.append(learn.opt.param_groups[0]['betas'][0]))
    learn.fit_one_cycle(1, 0.1, cbs=watch, quiet=True)
    opt = torch.optim.AdamW(twin.parameters())
    for lr,momentum in zip(lrs, momentums, strict=True):
        opt.param_groups[0].update(lr=lr, betas=(momentum,0.999))
        F.cross_entropy(twin(x), y).backward()
        opt.step()
        opt.zero_grad()
    assert len(lrs)==3 and max(lrs)>0.09
    near(learn.model.eval()(x), twin.eval()(x), tol=1e-6)

def test_learns_from_few_digits(trained):
    "Ten seeds gave between 0.965 and 0.99"
    assert trained.recorder['accuracy'][-1]>0.9

def test_channels_and_classes_come_from_the_data(tmp_path):
    for i,c in enumerate('aabbcc'):
        (tmp_path/c).mkdir(exist_ok=True)
        Image.new('RGB', (32,32), (50*i,200,0)).save(tmp_path/c/f'{i}.png')
    for channels in (1,3):
        learn = vision_learner(ImageDataLoaders.from_folder(tmp_path, channels=channels), small_resnet, n_out=None if channels==1 else 7)
        assert learn.model[0].weight.shape[1]==channels and learn.model[-1].out_features==(3 if channels==1 else 7)
    x,y = torch.rand(8,2,16,16),torch.arange(8)%2
    plain = DataLoaders.from_dsets((x, y), (x, y), vocab=['a','b'])
    assert vision_learner(plain, small_resnet).predict(x[0]).label in 'ab'
    with pytest.raises(ValueError, match='got DataLoaders without a vocab'):
        vision_learner(DataLoaders.from_dsets((x, y), (x, y)), small_resnet)
    with pytest.raises(ValueError, match=r'got inputs of shape \(8, 512\), wanted images'):
        vision_learner(DataLoaders.from_dsets((x.flatten(1), y), (x.flatten(1), y), vocab=['a','b']), small_resnet)

def test_no_pretrained_weights(trained, digits):
    with pytest.raises(ValueError, match='no pretrained weights here. Train from scratch with `fit_one_cycle`'):
        cnn_learner(digits, resnet18, pretrained=True)
    with pytest.raises(NotImplementedError, match='fit_one_cycle'): trained.fine_tune(1, 0.01)

def test_predict_takes_any_picture(trained, digits, tmp_path):
    "A path, a string, a PIL image in several modes, arrays and tensors of bytes and floats: the same prediction as in a batch"
    preds,_ = trained.get_preds()
    file = digits.files[1][0]
    a = np.array(Image.open(file))
    x = torch.tensor(a)[None].expand(3,28,28)
    im = Image.open(file)
    items = [file, str(file), im, im.convert('RGB'), im.convert('RGBA'), a, a/255, x, x.permute(1,2,0), x/255, a.astype(np.float32)/255]
    for o in items:
        p = trained.predict(o)
        near(p.probs, preds[0].softmax(0), tol=1e-3)
        assert p.index==preds[0].argmax() and p.label==digits.vocab[p.index]
    for o,message in ((a.astype(int), 'got an image of int64'), (a.astype(float), 'wanted uint8, or floats between 0 and 1'),
                      (a[0], 'got an image of shape'), (tmp_path/'none.png', 'No such file')):
        with pytest.raises((ValueError, OSError), match=message): trained.predict(o)
    sized = ImageDataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE, 'sample'), size=20, channels=1)
    learn = vision_learner(sized, small_resnet)
    near(learn.predict(Image.open(file)).probs, learn.get_preds()[0][0].softmax(0), tol=1e-3)

def test_rows_of_top_losses_lead_to_files(trained, digits):
    losses,rows = trained.top_losses(5, show=False)
    for l,i in zip(losses, rows):
        p = trained.predict(digits.files[1][i])
        near(-p.probs[digits.vocab.index(digits.files[1][i].parent.name)].log(), l, tol=1e-2)

# What the network looks at

@pytest.mark.parametrize('pool', [nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)])
def test_class_activation_map(pool):
    "Average pooling: the mean of the map plus the bias is the logit. Maximum pooling: where a single channel counts, the maximum is"
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3,6,3), nn.ReLU(), pool, nn.Flatten(), nn.Dropout(0.5), nn.Linear(6,4)).double()
    x = torch.rand(5,3,10,12, dtype=torch.float64)
    model.train()
    maps = torch.stack([class_activation_map(model, x, c) for c in range(4)], 1)
    assert maps.shape==(5,4,8,10) and model.training and not model[-1]._forward_pre_hooks
    logits = model.eval()(x)
    if isinstance(pool, nn.AdaptiveAvgPool2d): near(maps.mean((2,3))+model[-1].bias, logits, tol=1e-10)
    with torch.no_grad():
        model[-1].weight.zero_()
        model[-1].weight[2,3] = 1.
    if isinstance(pool, nn.AdaptiveMaxPool2d):
        near(class_activation_map(model, x, 2).amax((1,2))+model[-1].bias[2], model(x)[:,2], tol=1e-10)

def test_class_activation_map_of_our_networks():
    x = torch.rand(2,3,64,64)
    assert class_activation_map(resnet18(5), x, 3).shape==(2,2,2) and class_activation_map(small_resnet(5, 3), x, 3).shape==(2,8,8)
    x = torch.rand(2,3,2,2)
    for model,x in ((resnet18(5), torch.rand(2,3,28,28)), (nn.Sequential(nn.Flatten(), nn.Linear(12,2)), x), (nn.Conv2d(3,3,1), x),
                    (nn.Sequential(nn.Conv2d(3,4,1), nn.Flatten(), nn.Linear(16,2)), torch.rand(2,3,2,2))):
        with pytest.raises(ValueError, match='wanted one that ends in global average or maximum pooling'): class_activation_map(model, x, 1)

def test_filters():
    for model in (resnet18(3), small_resnet()): show_filters(model)
    for model in (nn.Linear(3,3), nn.Conv2d(2,4,3)):
        with pytest.raises(ValueError, match='wanted a first convolution for 1 or 3 channels'): show_filters(model)
