"Chapter 9: attention row by row, names as numbers, a small transformer out of plain matrix products, and what it invents."
# mypy: ignore-errors
import math
import torch
from .spec import check, made, randn

ATTENTION = 'numpy','scaled_dot_product_attention','multi_head_attention_forward'

def whole(*o): return torch.tensor(o, dtype=torch.float64)

# attention: queries and keys, and values

def sequences(values):
    "Queries and keys of one shape, and values that may be of another length"
    def inputs():
        def some(*shape, d=None, seed=0, dtype=torch.float64, scale=1.):
            given = [scale*randn(*shape, seed=3*seed+i, dtype=dtype) for i in range(2)]
            return (*given, randn(*shape[:-1], d or shape[-1], seed=3*seed+2, dtype=dtype)) if values else tuple(given)
        yield (whole([1.],[2.]),whole([0.],[0.]),*[whole([2.],[4.])]*values)
        yield (whole([1.,0.],[0.,1.]),whole([1.,0.],[0.,1.]),*[whole([1.,2.],[3.,4.])]*values)
        yield (whole([2.,0.],[0.,2.],[1.,1.]),whole([1.,0.],[0.,3.],[1.,0.]),*[whole([1.,0.],[0.,1.],[1.,1.])]*values)
        for i,shape in enumerate([(1,1), (1,4), (2,2), (3,4), (4,2), (3,3), (5,1), (7,16),
                                  (2,3,4), (3,2,2), (2,2,3,4), (1,4,4,4), (0,3,2)]):
            yield some(*shape, seed=i)
            if i in (3,8,10): yield some(*shape, seed=i+30, dtype=torch.float32)
        yield some(4,2, d=5, seed=50)
        yield some(2,3,4, d=1, seed=51)
        yield some(4,4, seed=52, scale=30.)  # scores of a thousand
        yield some(3,3, seed=53, scale=1000.)
        yield tuple(o.mT for o in some(2,3,4, seed=54))
        yield tuple(o.transpose(1, 2) for o in some(2,3,2,4, seed=55))
        yield tuple(o.requires_grad_() for o in some(3,2, seed=56))
    return inputs

def rows(q, k):
    "The weights of each place, over itself and those before it"
    q,k = q.double(),k.double()
    found = []
    for i in range(q.shape[-2]):
        scores = (q[...,i,:].unsqueeze(-2)*k[...,:i+1,:]).sum(-1)/math.sqrt(q.shape[-1])
        shifted = (scores-scores.amax(-1, keepdim=True).detach()).exp()
        found.append(torch.cat((shifted/shifted.sum(-1, keepdim=True), scores.new_zeros(*scores.shape[:-1], q.shape[-2]-i-1)), -1))
    return torch.stack(found, -2)

def weights(scale=lambda d, t: d**-0.5, mask=lambda s: s.masked_fill(ahead(s), -math.inf), dim=-1,
            scores=lambda q, k: q@k.mT, after=lambda w: w,
            last=lambda s, dim: s.softmax(dim)):
    "Attention weights with a mistake"
    return lambda q, k: after(last(mask(scores(q, k)*scale(q.shape[-1], q.shape[-2])), dim))

def ahead(s, diagonal=1): return torch.ones(s.shape[-2:], dtype=torch.bool).triu(diagonal)
def zeroed(w): return w.masked_fill(ahead(w), 0.)

WEIGHTS = {
    'no place is hidden: the scores of later places must become -inf before the softmax': weights(mask=lambda s: s),
    'the mask hides the earlier places, and shows the later ones: `triu(1)` is what lies above the diagonal':
        weights(mask=lambda s: s.masked_fill(ahead(s).mT, -math.inf)),
    'the mask hides the place itself, too, and leaves nothing to the first: it begins one above the diagonal, `triu(1)`':
        weights(mask=lambda s: s.masked_fill(ahead(s, 0), -math.inf)),
    'each place sees the one after it as well: the mask begins one above the diagonal, `triu(1)`':
        weights(mask=lambda s: s.masked_fill(ahead(s, 2), -math.inf)),
    'the scores of later places are set to 0, and e to the power of 0 is 1, so they still have weight; set them to -inf':
        weights(mask=zeroed),
    'the weights of later places are set to 0 after the softmax, so a row does not sum to 1; hide the scores before it':
        weights(mask=lambda s: s, after=zeroed),
    'the scores are not divided by the root of d': weights(scale=lambda d, t: 1.),
    'the scores are divided by d; divide by its root': weights(scale=lambda d, t: 1/d),
    'the scores are divided by the root of t, the number of places; d is the length of a key, the last size':
        weights(scale=lambda d, t: t**-0.5),
    'the scores are multiplied by the root of d; divide by it': weights(scale=lambda d, t: d**0.5),
    'no place is hidden, and the scores are not divided by the root of d': weights(mask=lambda s: s, scale=lambda d, t: 1.),
    'these are the exponentials of the scores; divide them by their sum, as the softmax does': weights(last=lambda s, dim: s.exp()),
    'this is the sigmoid of each score alone; the weights of a row sum to 1, so take the softmax': weights(last=lambda s, dim: s.sigmoid()),
    'the scores have the wrong sign: the better a key fits its query, the more weight it gets': weights(scores=lambda q, k: -q@k.mT),
    'the softmax is over the queries; for each query the weights of its *keys* sum to 1, the last dimension': weights(dim=-2),
    'queries and keys are swapped: row i of the scores belongs to query i, `q@k.mT`': weights(scores=lambda q, k: k@q.mT),
    'these are the scores; take their softmax': lambda q, k: ((q@k.mT)*q.shape[-1]**-0.5).masked_fill(ahead(q@k.mT), -math.inf),
    'these are the logarithms of the weights': weights(last=lambda s, dim: s.log_softmax(dim))}

check('attention_weights', '09', sequences(0), names=('q', 'k'), without=ATTENTION, near=1e-9,
      same=('attention_weights',), hints=(
    'The five lines at the top of the page do it for one sequence. What has the shape (t,t), and which axes of `k` must be swapped, if '
    'there may be others in front?',
    'The scores are `q@k.mT`, divided by the root of d, the last size. Add a square that is minus infinity above the diagonal and 0 '
    'elsewhere, `torch.full((t,t), -torch.inf).triu(1)`, and take the softmax of each row, along the last dimension'), mistakes=WEIGHTS)(
    lambda q, k: rows(q, k).to(q.dtype))

def mixed(w, twist=lambda w: w): return lambda q, k, v: twist(w(q, k))@v

check('attention', '09', sequences(1), names=('q', 'k', 'v'), without=ATTENTION, near=1e-9, same=('attention',), hints=(
    'How much each place looks at the others is what the function above gives. What shape has it, and what shape have the values?',
    'Row i of the weights, (t,t), holds how much place i takes of each value. So the weighted means of all places are one matrix '
    'product: the weights times `v`, in this order'), mistakes={
    'the values are added up without weights, or all with the same one; multiply the weights and the values, `weights@v`':
        lambda q, k, v: v.cumsum(-2)/torch.arange(1, v.shape[-2]+1, dtype=v.dtype)[:,None],
    'all places get the same mean of all values; multiply the weights and the values, `weights@v`':
        lambda q, k, v: v.mean(-2, keepdim=True).expand(v.shape),
    'the values are added once more to their weighted mean': lambda q, k, v: weights()(q, k)@v+v,
    'the weights are transposed: row i has those of place i': mixed(weights(), lambda w: w.mT),
    'these are the weights; multiply them by the values': lambda q, k, v: weights()(q, k),
    'the values are those of the keys; multiply the weights by `v`': lambda q, k, v: weights()(q, k)@k,
    'the scores of the values replace those of the queries: the weights come from `q` and `k`': lambda q, k, v: weights()(q, v)@v,
    } | {k: mixed(f) for k,f in list(WEIGHTS.items())[:-2]})(lambda q, k, v: (rows(q, k)@v.double()).to(v.dtype))

# names as numbers

LETTERS = '.abcdefghijklmnopqrstuvwxyz'

def name_lists():
    "Names, also none, empty ones and such as fill all places, and the number of places"
    for o in (['a'], ['b', 'a'], ['emma'], ['ab', 'emma', 'z'], ['zoe']): yield o,5
    yield ['anna', 'emma', 'al'],
    yield ['katherine', 'bo'],
    yield ['abcdefghij'],
    yield ['abcdefghijk'],
    yield ['', 'a'],
    yield [],
    yield ['abc', 'ab'],3
    yield ['a'],1
    yield ['max', 'moritz'],20
    yield [LETTERS[1:], 'x'],26

def encoded(x=lambda o, n: ([0, *o]+[0]*n)[:n], y=lambda o, n: ([*o]+[0]*(n+1))[:n],
            real=lambda o, n: [i<=len(o) for i in range(n)], number=lambda a: LETTERS.index(a)):
    def f(names, block=11):
        ids = [[number(a) for a in o] for o in names]
        parts = [[g(o, block) for o in ids] for g in (x, y, real)]
        return tuple(torch.tensor(o, dtype=t).view(len(names), block) for o,t in zip(parts, (torch.long, torch.long, torch.bool)))
    return f

check('encode', '09', name_lists, names=('names', 'block'), same=('encode',), hints=(
    'Write down `x` and `y` for emma with 11 places. Of one row of 12 tokens, a dot in front and dots behind, which part is `x`, and '
    'which `y`?',
    'Make zeros of shape (n,block+1), since 0 is the dot, and write the numbers of the letters, `VOCAB.index(o)`, into each row from '
    'place 1 on. `x` is all but the last column, `y` all but the first. Real are the places whose `x` is a letter, '
    'and the first place'), mistakes={
    '`y` is not shifted: it has the token that follows each of `x`': encoded(y=lambda o, n: ([0, *o]+[0]*n)[:n]),
    'the dot in front is missing: `x` begins with token 0': encoded(x=lambda o, n: ([*o]+[0]*n)[:n]),
    'the dot after the name does not count in `real`; it is what tells the model to stop':
        encoded(real=lambda o, n: [i<len(o) for i in range(n)]),
    'the padding counts in `real`; only the letters of a name and the dot after it do': encoded(real=lambda o, n: [True]*n),
    'the first place does not count in `real`; there the model is asked for the first letter':
        encoded(real=lambda o, n: [0<i<=len(o) for i in range(n)]),
    '`x` and `y` are in each other\'s place: first the tokens, then those that follow':
        lambda names, block=11: (lambda x, y, real: (y, x, real))(*encoded()(names, block)),
    'there is no letter in `x` and `y`, only dots: write the numbers of the letters into each row':
        encoded(x=lambda o, n: [0]*n, y=lambda o, n: [0]*n, real=lambda o, n: [i==0 for i in range(n)]),
    'the letters begin a place too late: the dot stands at place 0, and the first letter at place 1':
        encoded(x=lambda o, n: ([0, 0, *o]+[0]*n)[:n], y=lambda o, n: ([0, *o]+[0]*n)[:n],
                real=lambda o, n: [i==0 or 1<i<=len(o)+1 for i in range(n)]),
    '`y` skips a token: it has the next one, not the one after that': encoded(y=lambda o, n: ([*o[1:]]+[0]*(n+1))[:n]),
    '`real` tells the opposite: the places that count are letters, and the first': encoded(real=lambda o, n: [i>len(o) for i in range(n)]),
    'padding must be 0, the dot, as what stands before and after each name':
        encoded(x=lambda o, n: ([1, *o]+[1]*n)[:n], y=lambda o, n: ([*o]+[1]*(n+1))[:n], real=lambda o, n: [True]*n),
    'the letters are numbered from 0; that is the dot, and a is 1': encoded(number=lambda a: LETTERS.index(a)-1)})(encoded())

def parts_of():
    yield whole([[1.,2.,3.,4.]]),
    yield whole([[1.,2.,3.,4.]]),2
    yield whole([[1.,2.],[3.,4.]]),2
    yield whole([[1.,2.,3.,4.],[5.,6.,7.,8.]]),2
    for i,(b,t,d,n) in enumerate([(1,1,1,1), (2,3,4,2), (3,2,8,4), (2,4,4,4), (2,2,4,1), (1,5,6,3), (4,4,4,2), (2,11,16,4)]):
        yield randn(b,t,d, seed=i),n
    yield randn(2,3,8, seed=1, dtype=torch.float32),
    yield randn(2,4,3, seed=2).mT,2
    yield randn(2,3,4, seed=3).requires_grad_(),2

def slices(z, n=4): return torch.stack([z[...,i*z.shape[2]//n:(i+1)*z.shape[2]//n] for i in range(n)], 1)

check('split_heads', '09', parts_of, names=('z', 'n'), without=('numpy',), same=('split_heads',), hints=(
    'One vector of d numbers becomes n of d/n, side by side. Which shape has the tensor then, and which two axes are to be swapped?',
    'First reshape (b,t,d) to (b,t,n,d/n), where -1 may stand for the last size; this cuts each vector. Then `transpose` the axes 1 '
    'and 2, places and heads'), mistakes={
    'a reshape alone cuts the *sequence* into parts; cut each vector, `reshape(b, t, n, d//n)`, and then swap places and heads':
        lambda z, n=4: z.reshape(z.shape[0], n, z.shape[1], z.shape[2]//n),
    'the vectors are cut, but the axes are still (b,t,n,d/n); swap places and heads':
        lambda z, n=4: z.reshape(*z.shape[:2], n, z.shape[2]//n),
    'each head gets every n-th number of a vector; it gets numbers that stand side by side':
        lambda z, n=4: torch.stack([z[...,i::n] for i in range(n)], 1),
    'each part has n numbers; there are n parts': lambda z, n=4: z.reshape(*z.shape[:2], z.shape[2]//n, n).transpose(1, 2),
    '`n` makes no difference; it is the number of heads, 4 only by default': lambda z, n=4: slices(z)})(slices)

def vectors():
    yield whole(3.,4.),
    yield whole([3.,4.],[1.,-1.]),
    for i,shape in enumerate([(1,), (4,), (2,3), (1,5), (5,1), (2,3,4), (2,11,16), (0,3)]):
        x = randn(*shape, seed=i+1)
        yield x+0.5*x.sign(),
    yield randn(3,4, seed=1, dtype=torch.float32),
    yield 100*randn(3,4, seed=2),
    yield torch.zeros(2,3, dtype=torch.float64),
    yield randn(4,3, seed=3).t(),

def divided_by(f, minus=lambda x: 0.): return lambda x: (x-minus(x))/f(x-minus(x))
def mean_square(x, dim=-1): return x.square().mean(dim, keepdim=True)

check('rms_norm', '09', vectors, near=1e-4, names=('x',), without=('numpy', 'rms_norm', 'layer_norm'), same=('rms_norm',), hints=(
    'Read the name from its end: square, mean, root. Along which dimension is the mean, and which shape must it keep, so that it can '
    'divide `x`?',
    'The mean of `x*x` along the last dimension, with `keepdim=True`, plus 1e-5 for vectors of zeros; its root divides `x`'), mistakes={
    'the mean is subtracted; RMSNorm only divides': divided_by(lambda x: (mean_square(x)+1e-5).sqrt(), lambda x: x.mean(-1, keepdim=True)),
    'the root is missing: divide by the root of the mean of the squares': divided_by(lambda x: mean_square(x)+1e-5),
    'this divides by the root of the *sum* of the squares; take their mean':
        divided_by(lambda x: (x.square().sum(-1, keepdim=True)+1e-5).sqrt()),
    'the mean is over the whole tensor; each vector, the last dimension, has its own':
        divided_by(lambda x: (x.square().mean()+1e-5).sqrt()),
    'the mean is over the first dimension; each vector, the last dimension, has its own':
        divided_by(lambda x: (mean_square(x, 0)+1e-5).sqrt()),
    'this multiplies by the root mean square; divide by it': lambda x: x*(mean_square(x)+1e-5).sqrt(),
    'this *adds* something to `x`; the vector is divided by its root mean square': lambda x: x+(mean_square(x)+1e-5)**-0.5,
    'there is no mean: each number is divided by its own size, and all become 1 or -1': lambda x: x*(x*x+1e-5)**-0.5,
    'the mean lacks its axis; `keepdim=True` keeps it with size 1, so that it divides the vector it belongs to':
        lambda x: x*(x.square().mean(-1)+1e-5)**-0.5,
    'a vector of zeros is divided by 0: add a small number under the root, such as 1e-5': divided_by(lambda x: mean_square(x).sqrt())})(
    lambda x: (x.double()/torch.linalg.vector_norm(x.double(), dim=-1, keepdim=True).clamp_min(1e-12)*x.shape[-1]**0.5).to(x.dtype))

# the model: parameters in the order letters, places, wq, wk, wv, wo, w1, w2, out

PARAMS = 'letters places wq wk wv wo w1 w2 out'.split()

def random_params(d, block, vocab, seed, dtype=torch.float64):
    shapes = (vocab,d),(block,d),*[(d,d)]*4,(d,4*d),(4*d,d),(d,vocab)
    return tuple((randn(*o, seed=seed+i)*(1. if i<2 else 2/d**0.5)).to(dtype) for i,o in enumerate(shapes))

def tokens(b, t, vocab, seed=0): return (randn(b, t, seed=seed).abs()*1000).long()%vocab

def models():
    for i,(b,t,d,block,vocab) in enumerate([(1,1,4,1,2), (1,2,4,3,3), (2,3,4,3,5), (1,4,8,6,4),
                                            (3,2,4,5,27), (2,5,12,5,6), (4,11,16,11,27)]):
        yield tokens(b, t, vocab, seed=i),*random_params(d, block, vocab, 10*i)
    yield tokens(2, 3, 5, seed=8),*random_params(8, 4, 5, 80, torch.float32)

def by_head(q, k, v, causal=True):
    n = q.shape[-1]//4
    heads = [rows(*(o[...,i:i+n] for o in (q, k)))@v[...,i:i+n] if causal
             else weights(mask=lambda s: s)(q[...,i:i+n], k[...,i:i+n])@v[...,i:i+n]
             for i in range(0, q.shape[-1], n)]
    return torch.cat(heads, -1)

def normed(h): return h/(h.square().mean(-1, keepdim=True)+1e-5).sqrt()

def transformer(places=True, norm=normed, mid_norm=None, last_norm=None, mix=by_head,
                add=lambda h, o: h+o, add_mlp=lambda h, o: h+o, act=lambda o: o.clamp_min(0),
                wo=True, soft=False, sign=1):
    def f(x, *params):
        dtype = params[0].dtype
        letters,at,wq,wk,wv,w_o,w1,w2,out = [o.double() for o in params]
        h = letters[x]+sign*at[:x.shape[1]] if places else letters[x]
        z = norm(h)
        found = mix(z@wq, z@wk, z@wv)
        h = add(h, found@w_o if wo else found)
        h = add_mlp(h, act((mid_norm or norm)(h)@w1)@w2)
        y = (last_norm or norm)(h)@out
        return (y.softmax(-1) if soft else y).to(dtype)
    return f

def glued(q, k, v):
    "Heads that are put together without swapping places and heads back"
    found = by_head(q, k, v)
    b,t,d = found.shape
    return found.view(b, t, 4, d//4).transpose(1, 2).reshape(b, t, d)

def same(x): return x

check('name_model', '09', models, near=1e-3, names=('x', *PARAMS), without=ATTENTION, same=('name_model',), hints=(
    'Follow the blue line of the picture: two embeddings are added, then twice something is added to the sum, and each time it is made '
    'from the normalised stream. Which shape has the stream?',
    '`h` is `letters[x]` plus the first t rows of `places`. Let `z` be `rms_norm(h)`, and give `attention` the `split_heads` of '
    '`z@wq`, `z@wk` and `z@wv`; swap places and heads back, reshape to the shape of `h`, multiply by `wo`, and add to `h`. Then add '
    'the relu of `rms_norm(h)@w1`, times `w2`. Last, `rms_norm(h)@out`'), mistakes={
    'the position embeddings are missing: add `places[:t]` to the vectors of the letters': transformer(places=False),
    'what the heads found replaces the residual stream; add it': transformer(add=lambda h, o: o),
    'what the small network made replaces the residual stream; add it': transformer(add_mlp=lambda h, o: o),
    'what the heads found is subtracted from the residual stream; add it': transformer(add=lambda h, o: h-o),
    'what the small network made is subtracted from the residual stream; add it': transformer(add_mlp=lambda h, o: h-o),
    'the position embeddings are subtracted; add them': transformer(sign=-1),
    'there is no ReLU between `w1` and `w2`': transformer(act=same),
    '`wo` is missing: what the heads found goes through it before it is added': transformer(wo=False),
    'the heads are put together wrongly: swap places and heads back, `transpose(1, 2)`, before the reshape': transformer(mix=glued),
    'there is one head; split queries, keys and values into four': transformer(mix=lambda q, k, v: rows(q, k)@v),
    'each place sees the later ones, too': transformer(mix=lambda q, k, v: by_head(q, k, v, causal=False)),
    'the stream is not normalised at all; each part reads it through `rms_norm`': transformer(norm=same),
    'the small network reads the stream as it is; normalise it before': transformer(mid_norm=same),
    'the output reads the stream as it is; normalise it before': transformer(last_norm=same),
    'these are probabilities; the model gives logits': transformer(soft=True)})(transformer())

def losses():
    for i,(b,t,d,block) in enumerate([(1,1,4,1), (1,2,4,3), (2,3,4,3), (3,5,8,6), (4,11,16,11)]):
        x,y = tokens(b, t, 27, seed=i),tokens(b, t, 27, seed=i+20)
        for real in (torch.ones(b, t, dtype=torch.bool), torch.arange(t)<=torch.arange(b)[:,None]%t):
            yield dict(zip(PARAMS, random_params(d, block, 27, 10*i))),x,y,real
    yield dict(zip(PARAMS, random_params(8, 4, 27, 90, torch.float32))),x[:,:4],y[:,:4],torch.ones(4, 4, dtype=torch.bool)

def token_losses(params, x, y, log=lambda o: o.log_softmax(-1)):
    return -log(transformer()(x, *params.values()).double()).gather(-1, y.unsqueeze(-1)).squeeze(-1)

def loss_from(f):
    return lambda params, x, y, real: f(params, x, y, real).to(params['out'].dtype)

def mean_of(losses, real): return losses.masked_select(real).sum()/real.sum()

check('name_loss', '09', losses, near=1e-3, names=('params', 'x', 'y', 'real'), without=('numpy',), same=('name_loss',), hints=(
    'The logits are `name_model(x, *params.values())`. Which of the places count, and of the 27 log-probabilities at each, which one?',
    'Take the logits at `[real]`, one row for each token that counts, and their `log_softmax(-1)`. From row i pick the column '
    '`y[real][i]`, with `torch.arange` as the row index; the mean of these, with a minus, is the loss'), mistakes={
    'the padding counts; take only the places where `real` is true': loss_from(lambda p, x, y, r: token_losses(p, x, y).mean()),
    'this is the sum over the tokens; the loss is a mean': loss_from(lambda p, x, y, r: token_losses(p, x, y).masked_select(r).sum()),
    'the sum is divided by all places, also those that do not count': loss_from(lambda p, x, y, r: (token_losses(p, x, y)*r).mean()),
    'the sign is wrong: the loss is *minus* the log-probability': loss_from(lambda p, x, y, r: -mean_of(token_losses(p, x, y), r)),
    'the targets are `x`, the tokens that go in; take `y`, those that follow':
        loss_from(lambda p, x, y, r: mean_of(token_losses(p, x, x), r)),
    'these are logits; take the logarithms of their softmax': loss_from(lambda p, x, y, r: mean_of(token_losses(p, x, y, lambda o: o), r)),
    'these are probabilities; take their logarithms':
        loss_from(lambda p, x, y, r: mean_of(token_losses(p, x, y, lambda o: o.softmax(-1)), r))})(
    loss_from(lambda p, x, y, r: mean_of(token_losses(p, x, y), r)))

# names that the model invents: of parameters that know what comes after each letter, and at each place

def known(block, after=None, at=None):
    "Parameters whose logits are those of the letter, from `after`, plus those of the place, from `at`; by default very low"
    d = 4*((27+block)//4+1)
    letters,places = torch.eye(27, d),torch.zeros(block, d)
    places[:,27:27+block] = torch.eye(block)
    out = torch.zeros(d, 27)
    for i,part in enumerate((after or {}, at or {})):
        if part: out[27*i:(27,27+block)[i]] = -100.
        for k,choices in part.items():
            for a,p in choices.items(): out[LETTERS.index(k) if not i else 27+k, LETTERS.index(a)] = math.log(p)
    return dict(zip(PARAMS, (letters, places, *[torch.zeros(d, d)]*4, torch.zeros(d, 4*d), torch.zeros(4*d, d), out*(2/d)**0.5)))

def text(s): return {i: {a: 1.} for i,a in enumerate(s)}

def inventions():
    "What the parameters know, the number of places, of names, and the temperature; the letters that may begin a name, with their weights"
    yield 'always the same name',dict(at=text('emma.')),11,1,1.
    yield 'always the same name',dict(at=text('emma.')),11,3,1.
    yield 'always the same name',dict(after={'.': {'a': 1.}, 'a': {'b': 1.}, 'b': {'c': 1.}, 'c': {'.': 1.}}),11,2,1.
    yield 'always the same name',dict(at=text('o.xyz')),5,2,0.5
    yield 'no dot fits in',dict(after={'.': {'a': 1.}, 'a': {'a': 1.}}),4,2,1.
    yield 'no dot fits in',dict(at=text('abcdef')),6,1,1.
    yield 'no letter at all',dict(at=text('.ab')),3,2,1.
    for p,n,temperature in ((0.9,500,1.), (0.6,300,0.25), (0.9,400,4.), (0.6,20,0.01)):
        yield 'two names',dict(after={'.': {'a': p, 'b': round(1-p, 1)}, 'a': {'.': 1.}, 'b': {'.': 1.}}),2,n,temperature

def use_invent(f, what, knows, block, n, temperature):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        found = f(known(block, **knows), n, temperature) if temperature!=1 else f(known(block, **knows), n)
    if what!='two names' or not isinstance(found, (list, tuple)) or len(found)!=n: return found
    return {f'the fraction of {k!r}': found.count(k)/n for k in 'ab'}

def draws(step=lambda probs: probs.multinomial(1), temperature=lambda t: t, last=False, cut=lambda s: s.split('.')[1], places=0):
    "Names, with a mistake in how they are drawn or cut"
    def wrong(params, n, temperature_=1.):
        x,block = torch.zeros(n, 1, dtype=torch.long),len(params['places'])
        for _ in range(block+places):
            logits = transformer()(x[:,-1:] if last else x, *params.values())[:,-1]
            x = torch.cat((x, step((logits/temperature(temperature_)).softmax(-1))), 1)
        return [cut(''.join(LETTERS[i] for i in row)) for row in x]
    return made(use_invent, wrong)

@check('invent', '09', inventions, use=use_invent, near=0.09,
       names=('what', 'the model knows', 'places', 'n', 'temperature'), same=('invent',), hints=(
    'Begin with a column of n zeros, the dots. What goes in at each step, which of the logits say what comes next, and what is x '
    'afterwards?',
    'As many times as there are rows in `places`: take the logits of the last place, `[:,-1]`, divide by the temperature, take the '
    'softmax, draw with `multinomial(1)`, and join the new column to `x` with `torch.cat`. Then turn each row into letters: the name '
    'is what stands between its first dot and the next'), mistakes={
    'the likeliest token is taken each time; sample it from the softmax: `probs.multinomial(1)`':
        draws(step=lambda probs: probs.argmax(-1, keepdim=True)),
    'all tokens are equally likely; sample from the softmax of the logits': draws(step=lambda probs: torch.ones_like(probs).multinomial(1)),
    '`temperature` makes no difference: divide the logits by it': draws(temperature=lambda t: 1.),
    'where no temperature is given, the logits stay as they are: its default is 1': draws(temperature=lambda t: 2. if t==1 else t),
    'the logits are multiplied by the temperature; divide by it, so that a low one makes the likeliest likelier':
        draws(temperature=lambda t: 1/t),
    'only the last token goes in, as if it stood at the first place; the model gets the whole text so far': draws(last=True),
    'the dot at the end of a name is left in': draws(cut=lambda s: '.'.join(s.split('.')[1:2])+'.'*(s.count('.')>1)),
    'the dot in front is left in': draws(cut=lambda s: '.'+s.split('.')[1]),
    'what comes after the dot is left in; a name ends at its first dot': draws(cut=lambda s: s[1:]),
    'the last letter is missing where no dot comes: there are as many letters as places': draws(places=-1)})
def invented(what, knows, block, n, temperature):
    if what=='two names':
        p = {k: o**(1/temperature) for k,o in knows['after']['.'].items()}
        return {f'the fraction of {k!r}': o/sum(p.values()) for k,o in p.items()}
    if 'at' in knows: name = ''.join(next(iter(o)) for o in knows['at'].values())[:block].partition('.')[0]
    else: name = 'abc' if 'b' in knows['after'] else 'a'*block
    return [name]*n
