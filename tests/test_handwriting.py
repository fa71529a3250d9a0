"Drawings become digits as MNIST has them, and a model and its reader go into a file and come back."
import pytest, torch
import numpy as np
from PIL import Image, ImageDraw
from drawings import drawings, sheet
from fastfound.basics import set_seed
from fastfound.datasets import get_mnist
from fastfound.handwriting import (DigitReader, MODELS, ModelBundle, NO_DIGIT, basic_frame, basic_ink, calibration_error, center_by_mass,
                                   digit_loaders, fit_temperature, frame_digit, normalized_sets, reliability, similarity_baseline)
from fastfound.images import BlankPicture, ImageDataLoaders, ImageReader
from fastfound.paper import extract_ink
from fastfound.weights import load_model_state, model_state, write_state

pytestmark = pytest.mark.not_numerical

def array(im): return torch.from_numpy(np.array(im))

@pytest.mark.parametrize('extract_ink', [basic_ink, extract_ink])
@pytest.mark.parametrize('paper, ink', [(255,0), (0,255), (200,90), (60,160), (128,0)])
def test_polarity(paper, ink, extract_ink):
    "Paper is what the border shows, whatever its brightness"
    got = extract_ink(array(sheet(paper=paper, ink=ink)))
    assert torch.equal(got, (array(sheet())==0).float())

def test_polarity_told():
    dark,light = array(sheet()),array(sheet(paper=0, ink=255))
    assert torch.equal(extract_ink(dark, 'yes'), extract_ink(light, 'no'))
    for x,told in ((dark,'no'), (light,'yes')):
        with pytest.raises(BlankPicture): extract_ink(x, told)

def test_blank(tmp_path):
    "Blank pictures are called blank, with a little noise as well, and so is white ink on a transparent sheet"
    g = torch.Generator().manual_seed(0)
    for x in (torch.zeros(30,30).byte(), torch.full((30,30), 255).byte(), (200+4*torch.rand(30,30, generator=g)).byte()):
        with pytest.raises(BlankPicture): extract_ink(x)
    Image.new('L', (50,30), 255).save(tmp_path/'blank.jpg')
    with pytest.raises(BlankPicture, match="got a blank picture: no pixel differs by 8 % from the border with invert='auto'"):
        DigitReader()(tmp_path/'blank.jpg')
    sheet('RGBA', paper=(0,0,0,0), ink=(255,255,255,255)).save(tmp_path/'white.png')
    with pytest.raises(BlankPicture): DigitReader()(tmp_path/'white.png')

@pytest.mark.parametrize('h, w', [(40,4), (4,40), (200,60), (10,7), (20,20), (3,1)])
def test_frame(h, w):
    "The longer side becomes 20 pixels, the ratio is kept to a pixel, and the mass is in the middle"
    for top,left in ((0,0), (30,5)):
        ink = torch.zeros(h+40, w+30)
        ink[top:top+h,left:left+w] = 1
        x = frame_digit(ink)
        rows,cols = [int((x>0.3).any(d).sum()) for d in (1,0)]
        assert x.shape==(28,28) and max(rows,cols)==20 and abs(min(rows,cols)-max(1, 20*min(h,w)/max(h,w)))<=1
        r = torch.arange(28.)
        for d in (0,1): assert abs((x.sum(d)*r).sum()/x.sum()-14)<=0.501  # to the pixel: so it is for all digits of MNIST

def test_frame_of_full_bleed():
    "A drawing that touches the border of its picture is framed as well"
    im = Image.new('L', (60,100), 255)
    ImageDraw.Draw(im).line([(2,2), (57,4), (20,97)], fill=0, width=7)
    cropped,wide = array(im),array(Image.new('L', (300,200), 255))
    wide[50:150,120:180] = cropped
    assert (frame_digit(extract_ink(cropped))-frame_digit(extract_ink(wide))).abs().max()<1e-5

def test_the_lesson_frames_as_the_library():
    "To a byte or two where pixels are averaged in whole squares; elsewhere nearly so, or a pixel aside"
    g = torch.Generator().manual_seed(0)
    for k in (2,3,7):
        ink = torch.rand(20*k, 15*k, generator=g).round()
        assert (basic_frame(ink)-frame_digit(ink)).abs().max()<3/255
    inks = [*(o/255 for o in get_mnist('sample').x_test[:200]), *(extract_ink(array(im.convert('L'))) for _,im in drawings(1, 40))]
    change = torch.stack([(basic_frame(o)-frame_digit(o)).abs().mean() for o in inks])
    assert (change<.03).float().mean()>.9 and change.max()<.1

def test_center_keeps_all_ink():
    "Also where the mass is so far from the middle of the drawing that centring would push it out"
    ink = torch.zeros(20,20)
    ink[:,0],ink[0] = 0.01,1
    assert torch.isclose(center_by_mass(ink).sum(), ink.sum())

def test_digits_of_mnist_stay():
    x = get_mnist('sample').x_test
    framed = torch.stack([frame_digit(extract_ink(o)) for o in x])
    same = ((framed-x/255).abs().mean((1,2))<0.005).float().mean()
    assert same>0.95, same  # 0.967; the rest is a pixel away

def test_reader_takes_any_picture(tmp_path):
    "A path, a string, an image in several modes, arrays and tensors; what it returns is ink on black"
    im = sheet('RGB', paper=(250,240,230), ink=(20,0,30))
    im.save(tmp_path/'x.png')
    want = DigitReader()(tmp_path/'x.png')
    assert want.shape==DigitReader.shape and want.dtype==torch.uint8 and want.max()==255 and (want==0).float().mean()>0.5
    for o in (str(tmp_path/'x.png'), im, im.convert('RGBA'), np.array(im), array(im)/255):
        assert (DigitReader()(o).int()-want.int()).abs().max()<=2
    assert torch.equal(DigitReader('yes')(im), want)
    with pytest.raises(BlankPicture): DigitReader('no')(im)
    with pytest.raises(ValueError, match="got invert='maybe', wanted 'yes', 'no' or 'auto'"): DigitReader('maybe')
    (tmp_path/'bad.png').write_bytes(b'hello')
    with pytest.raises(ValueError, match='bad.png: got a damaged file'): DigitReader()(tmp_path/'bad.png')

# Data

def test_digits_as_images():
    "The sets of the page and the DataLoaders hold the same digits in the same order"
    data = get_mnist('sample')
    (x,y),(x_valid,y_valid),(x_test,y_test) = normalized_sets(data)
    assert x.shape==(3334,1,28,28) and abs(x.mean())<1e-4 and abs(x.std()-1)<1e-4 and abs(x_test.mean())>1e-4
    dls = digit_loaders(data, 32)
    assert (dls.train.n,dls.valid.n,dls.vocab,dls.read)==(len(y),len(y_valid),[str(i) for i in range(10)],DigitReader())
    xb,yb = next(iter(dls.valid))
    mean,std = data.x_train[:len(y)].float().mean()/255,data.x_train[:len(y)].float().std()/255
    assert torch.equal(yb, y_valid[:64]) and torch.allclose((xb-mean)/std, x_valid[:64], atol=1e-4)
    assert torch.equal(torch.cat([x_test, x_valid]).amin((1,2,3)).unique(), x.min()[None])

def test_drawings_are_for_training():
    "They come after the digits of MNIST, with a class of their own for what is none; the validation set stays as it is"
    data = get_mnist('sample')
    plain,more,other = digit_loaders(data),digit_loaders(data, drawn=60, seed=1),digit_loaders(data, drawn=60, seed=2)
    (x,y),(x0,y0),(x2,_) = [o.train.dataset for o in (more, plain, other)]
    assert len(x)==len(x0)+80 and torch.equal(x[:len(x0)], x0) and torch.equal(y[:len(x0)], y0) and not torch.equal(x, x2)
    assert y[len(x0):].bincount().tolist()==[6]*10+[20] and more.vocab==[*plain.vocab, NO_DIGIT] and more.valid.n==plain.valid.n

# Calibration

def test_temperature():
    "The one that made the logits"
    g = torch.Generator().manual_seed(0)
    logits = 2*torch.randn(20000, 5, generator=g)
    targ = torch.multinomial(logits.softmax(1), 1, generator=g)[:,0]
    for t in (.3, 1, 4): assert abs(fit_temperature(logits*t, targ)/t-1)<.05

def test_reliability():
    "Four predictions in two bins, and one on the border of a bin, which belongs to the lower one"
    probs,targ = torch.tensor([[.9,.1],[.1,.9],[.35,.65],[.61,.39],[.5,.5]]),torch.tensor([0,1,0,0,1])
    want = [(.5,0,.2), (.63,.5,.4), (.9,1,.4)]
    got = reliability(probs, targ, 10)
    assert torch.allclose(torch.tensor(got), torch.tensor(want)) and abs(calibration_error(probs, targ, 10)-(.5*.2+.13*.4+.1*.4))<1e-6
    assert calibration_error(torch.eye(3), torch.arange(3))<1e-6 and abs(calibration_error(torch.eye(3), (torch.arange(3)+1)%3)-1)<1e-6

@pytest.mark.parametrize('name', MODELS)
def test_calibrated_models(name, tmp_path):
    "All logits are divided by the temperature, in a file as well"
    set_seed(0)
    bundle,x,y = ModelBundle(name, ['a','b','c']),torch.rand(90,1,28,28),torch.arange(90)%3
    logits = bundle.predict(x)
    temperature = bundle.calibrate(x, y)
    assert temperature==fit_temperature(logits, y)!=1 and torch.allclose(bundle.predict(x), logits/temperature, atol=1e-4)
    bundle.save(tmp_path/'m.pth')
    assert torch.equal(ModelBundle.load(tmp_path/'m.pth').predict(x), bundle.predict(x))

@pytest.mark.parametrize('name', MODELS)
def test_discount(name):
    "Only the odds of the last class change, and by that factor"
    bundle,x = ModelBundle(name, ['a','b','c']),torch.rand(20,1,28,28)
    before = bundle.predict(x)
    bundle.discount(20)
    assert torch.allclose(bundle.predict(x)-before, -torch.tensor([0,0,20.]).clamp_min(1).log().expand(20,3), atol=1e-5)

def test_baseline():
    "Two digits and all ten: the mean of the accuracies on each"
    data = get_mnist('sample')
    assert 0.9<similarity_baseline(data)<0.98 and 0.6<similarity_baseline(data, range(10))<0.75
    assert abs(similarity_baseline(data, (7,3))-similarity_baseline(data))<1e-6

# Models

READERS = DigitReader('yes'),ImageReader(3, (16,24), 'pad')

@pytest.mark.parametrize('read', READERS)
@pytest.mark.parametrize('name', MODELS)
def test_bundle_in_a_file(tmp_path, name, read):
    "After training: the same predictions, and the reader, the classes and the source are there again"
    set_seed(0)
    bundle = ModelBundle(name, ['a','b','c'], read, 'there')
    x,y = torch.randint(256, (50,*read.shape)).byte(),torch.arange(50)%3
    dls = ImageDataLoaders.from_dsets((x/255, y), (x/255, y), bs=10)
    bundle.learner(dls).fit(1, quiet=True)
    bundle.save(tmp_path/'m.pth')
    again = ModelBundle.load(tmp_path/'m.pth')
    assert (again.name,again.vocab,again.read,again.source)==(name,['a','b','c'],read,'there')
    logits = bundle.predict(x/255)
    assert logits.shape==(50,3) and torch.equal(again.predict(x/255), logits)
    assert torch.allclose(again.predict(x[:1]/255), logits[:1], atol=1e-5)  # no statistics of the batch
    with pytest.raises(ValueError, match=r'got images of \(1, 5, 5\), wanted \('): again.predict(torch.rand(2,1,5,5))

def test_colours_are_seen():
    "A model for colour images has kernels for three channels, and learns what only the colour tells"
    x = torch.zeros(40,3,16,16, dtype=torch.uint8)
    x[:20,0],x[20:,1] = 120,120
    dls = ImageDataLoaders.from_dsets((x/255, torch.arange(40)//20), (x/255, torch.arange(40)//20), bs=8)
    bundle = ModelBundle('resnet', ['red','green'], ImageReader(3, 16))
    learn = bundle.learner(dls)
    learn.fit_one_cycle(10, quiet=True)
    assert bundle.model[0].weight.shape[1]==3 and learn.recorder['accuracy'][-1]==1

def test_wrong_arguments_of_a_bundle():
    with pytest.raises(ValueError, match='got `model` vgg, wanted one of linear, net, deep, by_hand, resnet'):
        ModelBundle('vgg', ['a','b'])
    for read in ('grey', ImageReader(), lambda path: None):
        with pytest.raises(TypeError, match='wanted a DigitReader, or an ImageReader with a size'): ModelBundle('net', ['a','b'], read)

def test_wrong_contents(tmp_path):
    "A file of the right kind with something else in it gets one clear error"
    weights = ModelBundle('linear', ['a','b']).model.state_dict()
    good = dict(name='linear', vocab=['a','b'], read=dict(kind='DigitReader', invert='auto'), source='x', weights=weights)
    write_state(tmp_path/'m.pth', 'model', **good)
    assert ModelBundle.load(tmp_path/'m.pth').vocab==['a','b']
    readers = {}, dict(kind='Other'), dict(kind='DigitReader', colour=1), dict(kind='DigitReader', invert=5)
    readers += dict(kind='ImageReader'), dict(kind='ImageReader', channels='x', size=8), dict(kind='ImageReader', channels=[3], size=8)
    others = dict(name='vgg'), dict(vocab=['a','b','c']), dict(weights={}), dict(weights={'2.weight': 5})
    for wrong in (*others, *(dict(read=o) for o in readers)):
        write_state(tmp_path/'m.pth', 'model', **{**good, **wrong})
        with pytest.raises(ValueError, match='m.pth: got a model file with other contents than expected'):
            ModelBundle.load(tmp_path/'m.pth')
    for name in good:
        write_state(tmp_path/'m.pth', 'model', **{**good, name: None})
        with pytest.raises(ValueError, match=f'm.pth: got a file of that kind in which .{name}. is a NoneType'):
            ModelBundle.load(tmp_path/'m.pth')
        write_state(tmp_path/'m.pth', 'model', **{k: v for k,v in good.items() if k!=name})
        with pytest.raises(ValueError, match=f'm.pth: got a file of that kind without .{name}.'):
            ModelBundle.load(tmp_path/'m.pth')

def of(name='net', classes=('a','b'), **changes):
    "What `save` writes for a new model, with changes"
    bundle = ModelBundle(name, list(classes))
    weights = dict(model_state(bundle.model))
    good = dict(name=name, vocab=list(classes), read=dict(kind='DigitReader', invert='auto'), source='x', weights=weights)
    return {**good, **{k: v for k,v in changes.items() if k in good}}

def put(weights, part, value):
    "`weights` with the first number of the first tensor whose name ends with `part` changed"
    name = next(k for k in weights if k.endswith(part))
    changed = weights[name].detach().clone()
    changed.view(-1)[0] = value
    return {**weights, name: changed}

NONSENSE = [('net','weight',float('nan')), ('deep','bias',float('inf')), ('resnet','weight',float('-inf')), ('by_hand','0',float('nan')),
            ('linear','running_var',0.), ('net','running_var',-1.), ('resnet','running_var',-0.5), ('net','running_mean',float('nan')),
            ('resnet','running_var',float('nan'))]

@pytest.mark.parametrize('name, part, value', NONSENSE)
def test_weights_that_compute_no_numbers(tmp_path, name, part, value):
    "Nan and infinities, a standard deviation of 0, a negative variance: refused by `load`, which names the file, and not written by `save`"
    good = of(name)
    bad = put(good['weights'], part, value)
    write_state(tmp_path/'m.pth', 'model', **{**good, 'weights': bad})
    with pytest.raises(ValueError, match='m.pth: got a model file with other contents than expected'): ModelBundle.load(tmp_path/'m.pth')
    bundle = ModelBundle(name, ['a','b'])
    load_model_state(bundle.model, bad)
    with pytest.raises(ValueError, match='ModelBundle: got .*, wanted finite|got a standard deviation of 0'): bundle.save(tmp_path/'n.pth')
    assert [o.name for o in tmp_path.iterdir()]==['m.pth']

OTHER = [dict(vocab=['a',3]), dict(vocab=['a','a']), dict(vocab=[None,None]), dict(vocab=['a']), dict(vocab=[]),
         dict(read=dict(kind='DigitReader', invert='maybe')), dict(read=dict(kind='DigitReader', invert=None)),
         dict(read=dict(kind='ImageReader', channels=1, size=-5)), dict(read=dict(kind='ImageReader', channels=0, size=28))]

@pytest.mark.parametrize('changes', OTHER, ids=str)
def test_a_saved_model_of_nonsense(tmp_path, changes):
    write_state(tmp_path/'m.pth', 'model', **{**of(), **changes})
    with pytest.raises(ValueError, match='m.pth: got a model file with other contents than expected'): ModelBundle.load(tmp_path/'m.pth')

@pytest.mark.parametrize('kind', [torch.complex64, torch.int64])
def test_a_saved_model_of_other_numbers(tmp_path, kind):
    good = of()
    write_state(tmp_path/'m.pth', 'model', **{**good, 'weights': {k: v.to(kind) for k,v in good['weights'].items()}})
    with pytest.raises(ValueError, match='m.pth: .*these weights are of another model'): ModelBundle.load(tmp_path/'m.pth')
