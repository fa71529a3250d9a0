"Augmentation: known cases, a slow reference, no change at zero strength, the same with the same seed, and nothing in validation."
import math
import pytest, torch
from hypothesis import given, settings, strategies as st
from fastfound.augment import Augment, RandomErasing, RandomShift, RandomWidth, affine, random_erase, random_shift, random_width
from fastfound.dataloaders import DataLoaders
from fastfound.basics import set_seed, test_near as near
from fastfound.interpret import probabilities
from fastfound.learner import Callback
from fastfound.resnet import small_resnet
from fastfound.vision import vision_learner

def test_random_shift():
    "Each picture on its own, every shift about equally often, and nothing but shifts"
    torch.manual_seed(0)
    x = torch.arange(25.)+1
    moved = random_shift(x.expand(9000, 25), 2).view(-1,5,5)
    padded = torch.nn.functional.pad(x.view(5,5), (2,2,2,2))
    windows = [padded[i:i+5,j:j+5] for i in range(5) for j in range(5)]
    counts = torch.tensor([(moved==w).all((1,2)).sum() for w in windows])
    assert counts.sum()==9000 and ((counts-360).abs()<6*360**.5).all()  # six standard deviations

def slow_affine(x, angle, zoom, shear, right, down, flip):
    "One picture (h,w), pixel by pixel: a product of matrices, inverted; outside is 0"
    h,w = x.shape
    a = math.radians(angle)
    m = torch.eye(3, dtype=torch.float64)
    turn = [[math.cos(a),math.sin(a),0],[-math.sin(a),math.cos(a),0]]
    for o in ([[-1. if flip else 1.,0,0],[0,1,0]], [[zoom,0,0],[0,zoom,0]], [[1,shear,0],[0,1,0]], turn, [[1,0,right],[0,1,down]]):
        m = torch.cat([torch.tensor(o, dtype=torch.float64), torch.tensor([[0,0,1.]], dtype=torch.float64)]) @ m
    inverse,out = m.inverse(),torch.zeros_like(x)
    for i in range(h):
        for j in range(w):
            u,v,_ = inverse @ torch.tensor([j-(w-1)/2, i-(h-1)/2, 1.], dtype=torch.float64)
            u,v = u.item()+(w-1)/2,v.item()+(h-1)/2
            for r in (math.floor(v), math.floor(v)+1):
                for c in (math.floor(u), math.floor(u)+1):
                    if 0<=r<h and 0<=c<w: out[i,j] += (1-abs(v-r))*(1-abs(u-c))*x[r,c]
    return out

amounts = st.tuples(st.floats(-180,180), st.floats(0.5,2), st.floats(-1,1), st.floats(-3,3), st.floats(-3,3), st.booleans())

@settings(max_examples=60)
@given(amounts, st.integers(2,7), st.integers(2,7), st.integers(0,99))
def test_affine_is_the_slow_one(o, h, w, seed):
    torch.manual_seed(seed)
    x = torch.rand(h,w, dtype=torch.float64)
    got = affine(x[None], *o, pad='zeros')[0]
    assert (got-slow_affine(x, *o)).abs().max()<1e-10

def test_affine_of_each_picture():
    "One amount for each picture, all channels alike, rows as well as images"
    torch.manual_seed(0)
    x,angle = torch.rand(4,3,6,6, dtype=torch.float64),torch.tensor([0.,30,90,200])
    got = affine(x, angle=angle, right=torch.arange(4))
    for i in range(4): near(got[i], affine(x[i:i+1], angle=angle[i].item(), right=i)[0], tol=1e-10)
    near(got[:,1], affine(x[:,1], angle=angle, right=torch.arange(4)), tol=1e-10)
    near(got[:,0].flatten(1), affine(x[:,0].flatten(1), angle=angle, right=torch.arange(4)), tol=1e-10)

@pytest.mark.parametrize('shape', [(3,49), (3,7,9), (3,2,7,9), (0,3,4,4), (1,1,1,1)])
def test_zero_strength_is_no_change(shape):
    torch.manual_seed(0)
    x = torch.rand(shape, dtype=torch.float64)
    assert torch.equal(random_shift(x, 0), x) and torch.equal(random_erase(x, p=0), x)
    for pad in ('reflection','border','zeros'):
        assert torch.allclose(Augment(0,0,0,0, pad=pad)(x), x, atol=1e-12) and Augment()(x).shape==x.shape

def test_reproducible_and_different():
    x = torch.rand(20,1,28,28)
    for f in (Augment(flip=True), random_erase, lambda x: random_shift(x, 2)):
        set_seed(1); a = f(x)
        set_seed(1); b = f(x)
        assert torch.equal(a, b) and not torch.equal(a, f(x)) and a.dtype==x.dtype and not torch.equal(x, a)

def test_amounts_stay_in_their_range():
    "A spot at the right edge of the circle, turned by up to 20 degrees: the angle of its centre of mass"
    x = torch.zeros(2000,1,41,41)
    x[:,:,20,38] = 1
    set_seed(0)
    moved = Augment(20,0,0,0, pad='zeros')(x)[:,0]
    r = torch.arange(41.)-20
    right,down = [(moved.sum(d)*r).sum(1)/moved.sum((1,2)) for d in (1,2)]
    angle = -torch.atan2(down, right).rad2deg()
    assert 19<angle.max()<20.5 and -20.5<angle.min()<-19 and abs(angle.mean())<1.5

@settings(max_examples=30)
@given(st.floats(0.01,0.5), st.floats(0.01,0.5), st.floats(1,5), st.integers(4,40), st.integers(4,40))
def test_erased_area(a, b, ratio, h, w):
    "A rectangle of about the size wanted, noise between 0 and 1 in it, and everything else as before"
    torch.manual_seed(0)
    low,high = min(a, b),max(a, b)
    x = torch.full((200,2,h,w), -1.)
    y = random_erase(x, 1., (low,high), ratio)
    mask = y>=0
    assert torch.equal(mask[:,0], mask[:,1]) and (y[~mask]==-1).all() and (y[mask]<=1).all()
    rows,cols = mask[:,0].any(2).sum(1),mask[:,0].any(1).sum(1)
    assert torch.equal(mask[:,0].sum((1,2)), rows*cols)  # a rectangle
    want_h,want_w = (high*h*w*ratio)**.5,(high*h*w*ratio)**.5
    assert rows.max()<=min(h, want_h+1) and cols.max()<=min(w, want_w+1) and rows.min()>=1 and cols.min()>=1

def test_wrong_amounts():
    for kw in (dict(rotate=-1), dict(zoom=math.nan), dict(shift=math.inf)):
        with pytest.raises(ValueError, match='Augment: got'): Augment(**kw)
    for kw in (dict(p=2), dict(area=(0.3,0.1)), dict(area=(0,2)), dict(ratio=0.5)):
        with pytest.raises(ValueError, match='RandomErasing: got'): RandomErasing(**kw)

NO_NUMBERS = [math.nan, math.inf, -math.inf, torch.tensor([0.,math.nan,0,0]), 'x', None, [1,2], torch.zeros(3), torch.zeros(4,1)]

@pytest.mark.parametrize('name, bad', [*((k, o) for k in ('angle','zoom','shear','right','down','flip') for o in NO_NUMBERS),
                                       *(('zoom', o) for o in (0, 0., -1, torch.tensor([1.,1,0,1])))], ids=str)
def test_amounts_of_an_affine_map_that_make_no_sense(name, bad):
    "The argument is named, whatever the dtype; nothing comes out blank"
    for x in (torch.rand(4,1,6,6), torch.rand(4,36, dtype=torch.float64)):
        with pytest.raises((TypeError,ValueError), match=rf'^affine: got {name}\b.*, wanted'): affine(x, **{name: bad})

SHIFTS = [dict(most=o) for o in (-1, 1.5, math.nan, 'x', None)]+[dict(fill=o) for o in (math.nan, math.inf, 'x', None)]
ERASINGS = [dict(p=o) for o in (-0.1, 1.5, math.nan, 'x', None)]+[dict(ratio=o) for o in (0.5, 0, math.nan, math.inf, 'x', None)]
ERASINGS += [dict(area=o) for o in (0.1, (0.1,), (0.3,0.1), (0,2), (math.nan,1), 'ab', None)]
AUGMENTS = [{k: o} for k in ('rotate','zoom','shear','shift') for o in (-1, math.nan, math.inf, 'x', None)]
AUGMENTS += [dict(pad=o) for o in ('reflect', None, 0)]

@pytest.mark.parametrize('make, kw', [*((RandomShift, o) for o in SHIFTS), *((RandomErasing, o) for o in ERASINGS),
                                      *((Augment, o) for o in AUGMENTS)], ids=str)
def test_options_that_make_no_sense(make, kw):
    "Refused when the callback is made, and by the function behind it"
    (name,value), = kw.items()
    with pytest.raises((ValueError,TypeError), match=rf'got .*{name}.*, wanted'): make(**kw)
    f = {RandomShift: lambda x, most=1, **kw: random_shift(x, most, **kw), RandomErasing: random_erase, Augment: affine}[make]
    if make is not Augment or name=='pad':
        with pytest.raises((ValueError,TypeError), match=rf'got .*{name}.*, wanted'): f(torch.rand(4,1,6,6), **kw)

NO_PICTURES = [[0.]*4]*2, 5, None, torch.rand(4).numpy(), torch.rand(4), torch.rand(2,5), torch.rand(2,2,2,2,2)

@pytest.mark.parametrize('x', NO_PICTURES, ids=lambda o: type(o).__name__)
def test_pictures_that_are_none(x):
    for f in (lambda x: random_shift(x, 1), affine, random_erase, Augment(), RandomErasing(), RandomShift()):
        with pytest.raises((TypeError,ValueError), match='got .*, wanted'): f(x)

def test_bytes_are_shifted_and_not_mixed():
    "Whole numbers can be moved; to interpolate or cover them with noise between 0 and 1 needs floats"
    x = torch.randint(0, 256, (4,1,6,6), dtype=torch.uint8)
    assert random_shift(x, 2).dtype==torch.uint8
    for f in (affine, random_erase):
        with pytest.raises(TypeError, match='got images of dtype uint8, wanted float'): f(x)

class Seen(Callback):
    "Keeps the batches as the network gets them"
    order = 50
    def before_fit(self): self.train,self.valid = [],[]
    def before_pred(self): (self.train if self.learn.training else self.valid).append((self.learn.xb[0].clone(), self.learn.yb.clone()))

def learner(*cbs, n=40):
    set_seed(0)
    x,y = torch.rand(n,1,8,8),torch.arange(n)%2
    x[y==1,:,:4] += 1
    dls = DataLoaders.from_dsets((x/2, y), (x/2, y), bs=8, vocab=['a','b'])
    return vision_learner(dls, small_resnet, cbs=cbs)

@pytest.mark.parametrize('make', [Augment, RandomErasing, RandomShift, lambda: [Augment(), RandomErasing(p=1.), RandomShift(2)]])
def test_only_training_pictures_are_changed(make):
    "Labels stay, validation stays, the dataset stays"
    cbs = make() if isinstance(make(), list) else [make()]
    seen,learn = Seen(),learner(*cbs)
    kept = learn.dls.train.dataset[0].clone()
    learn.fit(1, cbs=seen, quiet=True)
    assert torch.equal(kept, learn.dls.train.dataset[0])
    assert all(torch.equal(a, b) and torch.equal(c, d) for (a,c),(b,d) in zip(seen.valid, learn.dls.valid))
    rows = {tuple(o.flatten().tolist()) for o in kept}
    assert sum(tuple(o.flatten().tolist()) not in rows for x,_ in seen.train for o in x)>10
    assert sorted(torch.cat([y for _,y in seen.train]).tolist())==sorted(learn.dls.train.dataset[1].tolist())

def test_tta():
    "The average of the probabilities of changed pictures and of the unchanged one; nothing is left changed"
    seen,learn = Seen(),learner(Augment(30))
    learn.fit(2, quiet=True)
    before = learn.get_preds()
    seen.learn,seen.train,seen.valid = learn,[],[]
    learn.cbs.append(seen)
    set_seed(1)
    preds,targ = learn.tta(n=3, beta=0.4)
    xs = torch.cat([x for x,_ in seen.valid]).chunk(4)
    probs = [probabilities(learn.model(o)) for o in xs]
    near(preds.exp(), 0.4*probs[0] + 0.6*sum(probs[1:])/3, tol=1e-4)
    assert torch.equal(xs[0], learn.dls.valid.dataset[0]) and not any(torch.equal(xs[0], o) for o in xs[1:])
    assert torch.equal(targ, before[1])
    learn.cbs.remove(seen)
    assert not learn.cbs[1].run_valid and torch.equal(learn.get_preds()[0], before[0])
    near(learn.tta(beta=1.)[0].exp(), probabilities(before[0]), tol=1e-4)
    assert len(learn.tta([next(iter(learn.dls.valid))])[1])==16
    for kw in (dict(n=0), dict(n=1.5), dict(beta=2), dict(beta='x'), dict(beta=math.nan)):
        with pytest.raises((ValueError,TypeError), match='tta: got .*, wanted'): learn.tta(**kw)
    for o in (5, 'affine', lambda x: x):
        with pytest.raises(TypeError, match='tta: got augment='): learn.tta(augment=o)

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('shape', [(40,9,11), (40,2,9,11), (40,81)])
def test_random_width(shape, dtype):
    "Each picture is moved towards the maximum, or the minimum, of the windows of three by three, by an amount of its own"
    torch.manual_seed(0)
    x = torch.rand(shape, dtype=dtype)
    planes = x.view(40,-1,9,shape[-1] if len(shape)>2 else 9)
    thick,thin = torch.nn.functional.max_pool2d(planes, 3, 1, 1),-torch.nn.functional.max_pool2d(-planes, 3, 1, 1)
    torch.manual_seed(1)
    changed = random_width(x, .6)
    assert changed.shape==x.shape and changed.dtype==dtype
    torch.manual_seed(1)
    by = .6*(2*torch.rand(40,1,1,1)-1).to(dtype)
    near(changed.view_as(planes), torch.where(by>0, planes+by*(thick-planes), planes-by*(thin-planes)), tol=1e-6)
    assert torch.equal(random_width(x, 0.), x)

def test_wrong_width():
    for most in (-1, 1.5):
        with pytest.raises(ValueError, match=f'RandomWidth: got most={most}, wanted a number from 0 to 1'): RandomWidth(most)

@pytest.mark.parametrize('flip', [0.5, 2, -1, torch.tensor([0.,1.,0.3])], ids=repr)
def test_to_mirror_by_halves_is_refused(flip):
    "A fraction, such as fastai's probability, would squeeze the picture without a word"
    with pytest.raises(ValueError, match='got flip=.*flip is True or False'): affine(torch.rand(3,1,5,5), flip=flip)
