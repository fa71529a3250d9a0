"Exercises of chapter 0: labels counted, digits turned, ink, differences of pixels, images in a folder, copies that leak, a vote."
# mypy: ignore-errors
import tempfile
from pathlib import Path
import torch
from PIL import Image
from .facts import RIGHT, as_number, but, first_of, to_first_wrong
from .spec import check, exercise, made, rng

# 1. labels like the first

def use_same(answer):
    same,labels = answer
    if isinstance(same, torch.Tensor) and same.numel()>1: return {'the answer': 'a tensor of many numbers'}
    n,labels = as_number(same),labels[:100].tolist()
    others = sum(o==labels[0] for o in labels[1:])
    return {'the answer': first_of([(RIGHT, n==others+1), ('one less', n==others), ('a fraction', n==round((others+1)/len(labels), 4)
        or abs(n-(others+1)/len(labels))<1e-6), ('the label itself', n==labels[0]), ('those that differ', n==len(labels)-others-1)])}

ONE = {'the answer': RIGHT}

@exercise('00.1', use=use_same, facts=True, mistakes={
    'this is not a number but what was found for each label: add up the booleans with `sum()`':
        but(ONE, the_answer='a tensor of many numbers'),
    'the first label is the same as itself, and counts': but(ONE, the_answer='one less'),
    'this is the fraction of such labels; the question is how many: `sum()` in place of a mean': but(ONE, the_answer='a fraction'),
    'this is the first label itself; count how many of the hundred are equal to it': but(ONE, the_answer='the label itself'),
    'these are the labels that differ from the first: compare with `==`': but(ONE, the_answer='those that differ')})
def same_as_first(): return ONE

# 2. a digit four times

VIEWS = 'as it is','white on black','mirrored','upside down'

def use_views(answer):
    digit,*lists = answer
    x = digit.double()
    known = dict(zip(VIEWS, (x, 255-x, x.flip(1), x.flip(0)))) | {'turned by half a circle': x.flip(0, 1), 'transposed': x.t(),
        'below 0': -x, 'as if 256 were full ink': (256-x)%256, 'for pixels from 0 to 1': 1-x, 'for pixels from 0 to 1, in uint8': (1-x)%256}
    def told(o):
        t = torch.as_tensor(o.copy() if hasattr(o, 'strides') else o).double()
        return first_of((k, t.shape==v.shape and torch.equal(t, v)) for k,v in known.items())
    for name,images in zip(('by_array', 'by_tensor'), lists):
        if not isinstance(images, (list, tuple)) or len(images)!=4: return {name: 'not a list of four'}
    kinds = {'the kind in by_array': not any(isinstance(o, torch.Tensor) for o in lists[0]),
             'the kind in by_tensor': all(isinstance(o, torch.Tensor) for o in lists[1])}
    return to_first_wrong({f'in {name} the digit {what}': told(o) for name,images in zip(('by_array', 'by_tensor'), lists)
                           for what,o in zip(VIEWS, images)} | kinds, FOUR)

FOUR = {f'in {name} the digit {what}': what for name in ('by_array', 'by_tensor') for what in VIEWS} | {
    'the kind in by_array': True, 'the kind in by_tensor': True}

def of_view(what, other): return {name: but(FOUR, **{f'in {name} the digit {what}': other}) for name in ('by_array', 'by_tensor')}

def views_mistakes():
    texts = {
        ('white on black', 'below 0'): 'a digit white on black has 255 where there was 0: subtract the pixels from 255, not from 0',
        ('white on black', 'as if 256 were full ink'): 'a minus alone leaves 0 at 0, and in uint8 makes 256-x of x: take 255-x',
        ('white on black', 'for pixels from 0 to 1, in uint8'): '1-x is for pixels between 0 and 1; these go up to 255, so take 255-x',
        ('mirrored', 'upside down'): 'left and right are the two ends of a row: reverse the order of the columns, which is axis 1',
        ('mirrored', 'turned by half a circle'): 'both axes are reversed; mirrored left to right, the rows stay in their order',
        ('mirrored', 'transposed'): 'rows and columns are swapped; mirrored, only the columns are in reverse order',
        ('upside down', 'mirrored'): 'top and bottom are the first and the last row: reverse the order of the rows, which is axis 0',
        ('upside down', 'turned by half a circle'): 'both axes are reversed; upside down, only the rows are in reverse order'}
    return {f'{text} ({name})': told for (what,other),text in texts.items() for name,told in of_view(what, other).items()} | {
        'a tensor is in the list of arrays: `digit.numpy()` is an array': but(FOUR, **{'the kind in by_array': False}),
        'an array is in the list of tensors': but(FOUR, **{'the kind in by_tensor': False})}

@exercise('00.2', use=use_views, facts=True, arrays=True, mistakes=views_mistakes())
def four_views(): return FOUR

# 3. ink

def inked():
    "Images and labels, with each of the ten digits"
    def some(n, h, seed):
        g = rng(seed)
        x = torch.randint(256, (n,h,h), generator=g, dtype=torch.uint8)*(torch.rand((n,h,h), generator=g)<0.3)
        return x, torch.arange(n).remainder(10)[torch.randperm(n, generator=g)]
    yield torch.tensor([[[0,9],[9,0]]]*5+[[[0,200],[0,0]]]*5, dtype=torch.uint8),torch.arange(10)
    yield some(20, 2, 1)
    yield some(37, 5, 2)
    yield some(120, 28, 3)

def per_digit(f):
    def told(images, labels): return torch.stack([f(images[labels==d].double(), images, labels) for d in range(10)])
    return told

def inky(x): return (x>0).double()
def use_numbers(f, *args):
    got = f(*args)
    if isinstance(got, (list, tuple)) and got and all(isinstance(o, (torch.Tensor, float, int)) for o in got):
        got = torch.stack([torch.as_tensor(o).double() for o in got])
    return got.double() if isinstance(got, torch.Tensor) and not got.is_complex() else got
def in_double(f): return made(use_numbers, f)

check('00.3', '00', inked, use=use_numbers, near=1e-5, names=('images', 'labels'), mistakes={
    'this is how dark the images are on average; ask of each pixel whether it is above 0, and take the mean of the answers':
        in_double(per_digit(lambda x, *_: x.mean())),
    'this is the fraction of pixels that are *blank*': in_double(per_digit(lambda x, *_: 1-inky(x).mean())),
    'these are numbers of pixels; the fraction is the mean of booleans, as floats': in_double(per_digit(lambda x, *_: inky(x).sum())),
    'these are numbers of pixels for each image; divide by how many pixels an image has, or take the mean of booleans':
        in_double(per_digit(lambda x, *_: inky(x).sum()/len(x))),
    'this divides by the pixels of *all* images; those of one digit are counted among its own':
        in_double(per_digit(lambda x, images, _: inky(x).sum()/images.numel())),
    'this gives each digit its share of all the ink; the fraction is of the pixels in its own images':
        in_double(per_digit(lambda x, images, _: inky(x).sum()/inky(images).sum())),
    'all ten are the same, the fraction in all images: choose those of one digit, `images[labels==d]`':
        in_double(per_digit(lambda x, images, _: inky(images).mean())),
    'this counts pixels of 255, full ink; all above 0 have some': in_double(per_digit(lambda x, *_: (x==255).double().mean()))})(
    per_digit(lambda x, *_: inky(x).mean()))

# 4. differences of pixels

def pixel_pairs():
    def pair(a, b): return torch.tensor(a, dtype=torch.uint8),torch.tensor(b, dtype=torch.uint8)
    yield pair([[3]], [[5]])
    yield pair([[0]], [[255]])
    yield pair([[5,3]], [[3,5]])
    yield pair([[0,255],[200,7]], [[255,0],[100,9]])
    for seed,shape in enumerate([(1,3), (4,4), (28,28)]):
        g = rng(seed)
        yield tuple(torch.randint(256, shape, generator=g, dtype=torch.uint8) for _ in range(2))

def wrapped(a, b): return (a.double()-b.double()).remainder(256)
def off(a, b): return (a.double()-b.double()).abs()
def means(first, second): return in_double(lambda a, b: [first(a, b).mean(), second(a, b).mean()])

check('00.4', '00', pixel_pairs, use=use_numbers, near=1e-5, names=('a', 'b'), mistakes={
    'in the second, the floats come too late: convert both images first, and subtract then': means(wrapped, wrapped),
    'the first is to be subtracted as it is, in uint8; make floats of the *difference*, for the mean': means(off, off),
    'the two are in the wrong order: first as they are, then correctly': means(off, wrapped),
    'the second lacks `abs`, so differences above and below 0 cancel': means(wrapped, lambda a, b: a.double()-b.double()),
    'both must be subtracted the same way round, `a` minus `b`': means(lambda a, b: wrapped(b, a), off),
    'these are sums; take the mean over all pixels': in_double(lambda a, b: [wrapped(a, b).sum(), off(a, b).sum()]),
    'these are means of squares; the absolute difference is not squared':
        means(lambda a, b: (a.double()-b.double()).square().remainder(256), lambda a, b: off(a, b).square())})(
    lambda a, b: torch.stack([wrapped(a, b).mean(), off(a, b).mean()]))

# 5. images of a folder

def folders():
    "The numbers in the names of images"
    for o in ((7,), (3,9), (10,9), (7,10000,250), (12,3,111,20,2,100), (5,50,500,5000,4)): yield list(o),

def image_of(n): return torch.randint(256, (28,28), generator=rng(n), dtype=torch.uint8)

def use_folder(f, numbers):
    with tempfile.TemporaryDirectory() as folder:
        for n in numbers: Image.fromarray(image_of(n).numpy()).save(Path(folder)/f'{n}.png')
        return f(Path(folder))

def reading(key, images=lambda o: o, kind=torch.stack):
    def wrong(folder): return kind([images(image_of(int(o.stem))) for o in sorted(folder.iterdir(), key=key)])
    return made(use_folder, wrong)
def number(o): return int(o.stem)

check('00.5', '00', folders, use=use_folder, names=('the numbers in the names',), mistakes={
    'the names are sorted as text, so 10.png comes before 9.png; sort by the number, `int(file.stem)`': reading(str),
    'the largest number comes first': reading(lambda o: -number(o)),
    'these are floats; PNGs hold uint8, and `torch.tensor(np.array(im))` keeps it': reading(number, images=lambda o: o.float()),
    'the pixels are scaled; leave them as they are in the files': reading(number, images=lambda o: o/255),
    'each image is a row; leave it 28 by 28': reading(number, images=lambda o: o.flatten()),
    'the images are joined along an axis that is there already; `torch.stack` makes a new one': reading(number, kind=torch.cat),
    'this is a list; `torch.stack` makes one tensor of it': reading(number, kind=list)})(
    lambda numbers: torch.stack([image_of(n) for n in sorted(numbers)]))

# 6. copies that leak

def right_of(x, dims=2, shift=1): return x.reshape(-1,28,28).roll(shift, dims).flatten(1)
def accuracy(x_new, y_new, x, y): return (y[torch.cdist(x_new.double(), x.double()).argmin(1)]==y_new).double().mean().item()

def use_leak(answer):
    (x,y),(x_new,y_new),leaked,honest = answer
    def with_copies(copies, labels): return accuracy(x_new, y_new, torch.cat([x, copies]), torch.cat([y, labels]))
    def case(got, **cases):
        found = as_number(got)
        return first_of((k.replace('_', ' '), abs(found-f())<0.0041) for k,f in cases.items())
    leaks = case(leaked, right=lambda: with_copies(right_of(x_new), y_new), everything=lambda: 1.,
                 no_copies=lambda: accuracy(x_new, y_new, x, y),
                 swapped=lambda: with_copies(right_of(x), y), down=lambda: with_copies(right_of(x_new, 1), y_new))
    return to_first_wrong({'leaked': leaks, 'honest': case(honest, right=lambda: with_copies(right_of(x), y), everything=lambda: 1.,
        no_copies=lambda: accuracy(x_new, y_new, x, y), swapped=lambda: with_copies(right_of(x_new), y_new),
        both=lambda: accuracy(x_new, y_new, torch.cat([x, right_of(x), right_of(x_new)]), torch.cat([y, y, y_new])),
        alone=lambda: accuracy(x_new, y_new, right_of(x), y))}, LEAK)

LEAK = {'leaked': RIGHT, 'honest': RIGHT}

@exercise('00.6', use=use_leak, facts=True, mistakes={
    'with the digits themselves among those that it knows, the model is right about all; shift the copies by a pixel':
        but(LEAK, leaked='everything'),
    '`leaked` is what comes without any copy: put shifted copies of the *validation* digits, with their labels, among the training digits':
        but(LEAK, leaked='no copies'),
    'in `leaked` are copies of the training digits; the leak is a copy of each validation digit': but(LEAK, leaked='swapped'),
    'the copies in `leaked` are shifted down: rows are axis 1 of `(n,28,28)`, and columns axis 2': but(LEAK, leaked='down'),
    '`honest` is what comes without any copy: add a shifted copy of each *training* digit, with its label': but(LEAK, honest='no copies'),
    'in `honest` there are still copies of validation digits; only training digits may have some': but(LEAK, honest='swapped'),
    'in `honest` there are copies of validation digits beside those of training digits; leave them out': but(LEAK, honest='both'),
    'in `honest` there are only the copies; add them to the 3,000 digits': but(LEAK, honest='alone')})
def leaks(): return LEAK

# 7. a vote

def voters():
    "New rows, known rows and their labels, and how many vote, always with a clear majority"
    def at(*numbers): return torch.tensor(numbers, dtype=torch.float32)[:,None]
    yield at(1.),at(0., 5.),torch.tensor([3,7]),1
    yield at(1.),at(0., 2.5, 3.),torch.tensor([3,7,7]),3
    yield at(1., 9.),at(0., 2., 8.5, 10., 12.),torch.tensor([4,4,2,9,9]),1
    yield at(4.),at(4.1, 3., 5.5, 7., 9.),torch.tensor([5,1,1,7,9]),5
    for seed,(n,m,d,k) in enumerate([(3,9,2,3), (5,30,4,5), (40,120,16,7), (20,60,784,3)]):
        g = rng(seed)
        centres = torch.rand(10, d, generator=g)
        y,y_new = torch.arange(m)%3*3,torch.randint(3, (n,), generator=g)*3
        x,x_new = (centres[o]+0.3*torch.randn(len(o), d, generator=g) for o in (y, y_new))
        votes = torch.stack([torch.bincount(y[row.argsort()[:k]], minlength=10) for row in torch.cdist(x_new, x)]).sort(1).values
        clear = votes[:,-1]>votes[:,-2]
        yield x_new[clear],x,y,k

def voting(near=lambda d, k: d.argsort(1)[:,:k], count=lambda labels: labels.mode(1).values, distance=torch.cdist, give=lambda y, i: y[i]):
    return lambda x_new, x, y, k: count(give(y, near(distance(x_new, x), k)))

check('00.7', '00', voters, names=('x_new', 'x', 'y', 'k'), mistakes={
    'this asks the *farthest* digits: `topk` takes the largest numbers, unless `largest=False`':
        voting(near=lambda d, k: d.argsort(1, descending=True)[:,:k]),
    '`k` makes no difference here: the nearest alone decides': voting(near=lambda d, k: d.argsort(1)[:,:1]),
    'these are places among the known digits; look up their labels with `y[...]`, and count those': voting(give=lambda y, i: i),
    'this is the mean of the labels; a digit is one of ten classes, so take the most frequent':
        voting(count=lambda o: o.double().mean(1).long()),
    'this is the median of the labels; the most frequent one is their mode': voting(count=lambda o: o.median(1).values),
    'these are the labels of all neighbours; take the most frequent of each row': voting(count=lambda o: o),
    'there are the neighbours in order, but nobody votes: the label of the last one is taken': voting(count=lambda o: o[:,-1])})(
    lambda x_new, x, y, k: torch.tensor([max(set(near), key=near.count) for near in (
        y[((row-x.double())**2).sum(1).argsort(stable=True)[:k]].tolist() for row in x_new.double())], dtype=y.dtype))
