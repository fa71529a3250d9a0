"Exercises of chapter 0: other right answers pass, and wrong ones do not."
import numpy as np
import pytest, torch
from PIL import Image
from fastfound.checking import verdict
from fastfound.checks.datasets import Digits
from fastfound.checks.datasets_exercises import right_of

digits = Digits(60, 40, seed=1)
y = digits.y_train
digit = digits.x_train[0]
a = digit.numpy()
same = (y[:100]==y[0]).sum()
ARRAYS,TENSORS = [a, 255-a, a[:,::-1], a[::-1]],[digit, 255-digit, digit.flip(1), digit.flip(0)]

def with_one(views, i, other): return [*views[:i], other, *views[i+1:]]

# what a leak makes of some images: lines, at random places
def lines(n, seed):
    g = torch.Generator().manual_seed(seed)
    labels,x = torch.randint(10, (n,), generator=g),torch.zeros(n,28,28)
    for image,label in zip(x, labels): image[5+label:8+label,int(torch.randint(4, 14, (1,), generator=g)):][:,:6] = 1.
    return (x+1.6*torch.rand(x.shape, generator=g)).flatten(1),labels

known,new = lines(300, 1),lines(200, 2)
def knowing(*sets):
    x,y = (torch.cat(o) for o in zip(*sets))
    return (y[torch.cdist(new[0], x).argmin(1)]==new[1]).float().mean()
def copies(o, dims=2): return right_of(o[0], dims),o[1]
leaked,honest = knowing(known, copies(new)),knowing(known, copies(known))

def ink_by_loop(images, labels): return [(images[labels==d]!=0).double().mean().item() for d in range(10)]
def ink_by_counts(images, labels):
    each = (images>0).flatten(1).float().mean(1)
    return torch.zeros(10).index_add(0, labels, each)/labels.bincount(minlength=10)
def differences_by_numpy(a, b): return (a-b).float().mean(), np.abs(a.numpy().astype(int)-b.numpy()).mean()
def differences_by_sums(a, b): return [(a-b).abs().double().mean().item(), (a.int()-b.int()).abs().sum().item()/a.numel()]
def read_by_loop(folder):
    names = sorted(int(o.name[:-4]) for o in folder.iterdir())
    images = torch.zeros(len(names), 28, 28, dtype=torch.uint8)
    for i,n in enumerate(names): images[i] = torch.from_numpy(np.array(Image.open(folder/f'{n}.png')))
    return images
def read_as_text(folder): return torch.stack([torch.tensor(np.array(Image.open(o))) for o in sorted(folder.iterdir())])
def vote_by_counts(x_new, x, y, k):
    near = ((x_new[:,None]-x)**2).sum(2).argsort(1)[:,:k]
    return torch.stack([torch.bincount(o).argmax() for o in y[near]])
def vote_by_sum(x_new, x, y, k): return y[torch.cdist(x_new, x).topk(k, largest=False).indices].sum(1)//k

@pytest.mark.parametrize('number,answer', [
    ('00.1', (same, y)), ('00.1', (same.item(), y)), ('00.2', (digit, ARRAYS, TENSORS)),
    ('00.2', (digit, [a, ~a, np.fliplr(a), np.flipud(a)], tuple(o.float() for o in TENSORS))),
    ('00.3', ink_by_loop), ('00.3', ink_by_counts),
    ('00.4', differences_by_numpy), ('00.4', differences_by_sums), ('00.5', read_by_loop), ('00.7', vote_by_counts),
    ('00.6', (known, new, leaked, honest)), ('00.6', (known, new, leaked.item(), honest.item()))])
def test_another_answer_is_right(number, answer):
    v = verdict(number, answer)
    assert v, v.text

@pytest.mark.parametrize('number,answer,mistake', [
    ('00.1', (y[:100]==y[0], y), 'add up'), ('00.1', (same-1, y), 'itself'), ('00.1', (same/len(y), y), 'fraction'),
    ('00.1', ((y!=y[0]).sum(), y), 'differ'), ('00.1', (77, y), ''), ('00.1', ('many', y), ''),
    ('00.2', (digit, with_one(ARRAYS, 1, -a), TENSORS), 'minus alone'),
    ('00.2', (digit, with_one(ARRAYS, 2, a[::-1]), TENSORS), 'left and right'),
    ('00.2', (digit, ARRAYS, with_one(TENSORS, 3, digit.flip(1))), 'top and bottom'), ('00.2', (digit, TENSORS, TENSORS), 'list of arrays'),
    ('00.2', (digit, ARRAYS, ARRAYS), 'list of tensors'), ('00.2', (digit, ARRAYS, with_one(TENSORS, 1, 1-digit)), '1-x'),
    ('00.2', (digit, ARRAYS, with_one(TENSORS, 2, digit.t())), 'swapped'), ('00.2', (digit, ARRAYS, TENSORS[:3]), ''),
    ('00.3', lambda images, labels: torch.stack([images[labels==d].float().mean() for d in range(10)]), 'how dark'),
    ('00.3', lambda images, labels: (images>0).float().mean(), ''),
    ('00.4', lambda a, b: ((a-b).abs().float().mean(), (a-b).float().abs().mean()), 'too late'),
    ('00.4', lambda a, b: ((a.float()-b.float()).abs().mean(),)*2, 'uint8'), ('00.4', lambda a, b: (a-b).abs().float().mean(), ''),
    ('00.5', read_as_text, 'as text'), ('00.5', lambda folder: read_by_loop(folder).float(), 'floats'),
    ('00.6', (known, new, 1., honest), 'themselves'), ('00.6', (known, new, knowing(known), honest), 'without any copy'),
    ('00.6', (known, new, knowing(known, copies(new, 1)), honest), 'shifted down'),
    ('00.6', (known, new, honest, leaked), 'of the training digits'),
    ('00.6', (known, new, leaked, knowing(known)), '`honest` is what comes without'),
    ('00.6', (known, new, leaked, knowing(known, copies(known), copies(new))), 'beside those'),
    ('00.6', (known, new, leaked, 0.2), ''), ('00.7', vote_by_sum, 'mean of the labels'),
    ('00.7', lambda x_new, x, y, k: y[torch.cdist(x_new, x).argmin(1)], 'no difference'),
    ('00.7', lambda x_new, x, y, k: y[torch.cdist(x_new, x).topk(k).indices].mode(1).values, 'farthest')])
def test_a_wrong_answer_is_found(number, answer, mistake):
    v = verdict(number, answer)
    assert v.state=='wrong' and mistake in v.mistake, v.text

@pytest.mark.parametrize('number,answer', [('00.1', (..., y)), ('00.2', (digit, ..., TENSORS)), ('00.6', (known, new, leaked, ...))])
def test_what_is_not_written_is_not_yet(number, answer): assert verdict(number, answer).state=='not yet'
