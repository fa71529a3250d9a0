"Exercises of chapter 9: a head by hand, counts of quadruples, what a place sees, and names: the likeliest, surprising, completed."
# mypy: ignore-errors
import math
from collections import Counter
import torch
from .attention import LETTERS, PARAMS, by_head, known, random_params, text, transformer, weights
from .facts import RIGHT, as_number, as_tensor, but, first_of, one_and_value, to_first_wrong, value_or
from .mnist_sgd import seeded
from .spec import check, exercise, made

# 1. a head that looks back

def use_head(answer):
    *both,smallest = answer
    wq,wk = map(as_tensor, both)
    if not all(o is not None and o.shape==(5,5) for o in (wq, wk)): return {'the shape of wq and wk': 'another'}
    q,k = wq.double(),wk.double()
    w,back = weights()(q, k),weights()(q, k).diagonal(-1)
    scores = q@k.T
    looks = first_of([(RIGHT, bool((back>0.99).all())), ('too little', bool((w[1:].argmax(1)==torch.arange(4)).all())),
        ('itself', bool((scores.argmax(1)==torch.arange(5)).all())),
        ('the next', bool((scores[:-1].argmax(1)==torch.arange(1, 5)).all())), ('all alike', bool((w[4]-w[4,0]).abs().max()<1e-6))])
    n = as_number(smallest)
    number = first_of([(RIGHT, n==14), ('without the root', n==6), ('three others', n==13), ('one other', n==11), ('the score', 5.9<n<6),
                       ('no whole number', 13.3<n<13.4)])
    return to_first_wrong({'the shape of wq and wk': RIGHT, 'where the places look': looks, 'the smallest number': number}, HEAD)

HEAD = {'the shape of wq and wk': RIGHT, 'where the places look': RIGHT, 'the smallest number': RIGHT}

@exercise('09.1', use=use_head, facts=True, mistakes={
    'both are 5 by 5: five places, whose vectors are one-hot, and queries and keys of five numbers':
        but(HEAD, the_shape_of_wq_and_wk='another'),
    'each place looks most at the one before it, but not with a weight above 0.99: the other number must be larger':
        but(HEAD, where_the_places_look='too little'),
    'each place looks at itself: the query of place 3 must fit the key of place 2': but(HEAD, where_the_places_look='itself'),
    'the query of each place fits the key of the place *after* it, which the mask hides; the diagonal is on the wrong side':
        but(HEAD, where_the_places_look='the next'),
    'the last place looks at all alike: no key fits its query better than the others': but(HEAD, where_the_places_look='all alike'),
    'the smallest number forgets that scores are divided by the root of 5': but(HEAD, the_smallest_number='without the root'),
    'the last place has *four* others to look at, itself among them, with scores of 0; a little more is needed':
        but(HEAD, the_smallest_number='three others'),
    'there is more than one other place; the last place has four, with scores of 0': but(HEAD, the_smallest_number='one other'),
    'this is the score that is needed; a score is the number divided by the root of 5': but(HEAD, the_smallest_number='the score'),
    'a whole number is wanted, above this one': but(HEAD, the_smallest_number='no whole number')})
def head(): return HEAD

# 2. counts

CONSTANTS = 0.01,0.03,0.1,0.3,1,3

def ends(names, n):
    "For each token of `names`, the last `n` tokens before it, dots where there are none, and itself"
    return [('.'*(n-1)+'.'+o+'.')[i:i+n+1] for o in names for i in range(len(o)+1)]

def losses_of(training, validation, n):
    "The loss for each of CONSTANTS: on the validation names and on those that were counted; and on the first if each counts once or is 1"
    pairs = Counter(ends(training, n))
    once = Counter(k[:-1] for k in pairs)
    befores = Counter()
    for k,v in pairs.items(): befores[k[:-1]] += v
    def loss(names, c, pairs=pairs, befores=befores):
        tokens = ends(names, n)
        return -sum(math.log((pairs[o]+c)/(befores[o[:-1]]+27*c)) for o in tokens)/len(tokens)
    def alike(c, k): return loss(validation, c, Counter(dict.fromkeys(pairs, k)), Counter({b: k*m for b,m in once.items()}))
    return [[loss(names, c) for c in CONSTANTS] for names in (validation, training)] + [
        [alike(c, 1) for c in CONSTANTS], [alike(c, 1-c) for c in CONSTANTS]]

def use_counts(answer):
    training,validation,best,quadruples = answer
    if isinstance(best, dict) and set(best)!={1, 2, 3}: return {'best': 'other keys' if len(best)==3 else 'not three constants'}
    got = [best[n] for n in (1,2,3)] if isinstance(best, dict) else best
    if not isinstance(got, (list, tuple)) or len(got)!=3: return {'best': 'not three constants'}
    found = {n: losses_of(training, validation, n) for n in (1,2,3)}
    def least(part, f=min): return [CONSTANTS[o[part].index(f(o[part]))] for o in found.values()]
    got,loss = [as_number(o) for o in got],as_number(quadruples)
    def near(a): return abs(loss-a)<0.002
    return to_first_wrong({
        'best': first_of([(RIGHT, got==least(0)), ('on training names', got==least(1)), ('the worst', got==least(0, max)),
            ('each counted once', got in (least(2), least(3))),
            ('as on the page', got[:2]==[1., 0.1])]),
        'quadruples': first_of([(RIGHT, near(min(found[3][0]))), ('perplexity', near(math.exp(min(found[3][0])))),
            ('on training names', near(min(found[3][1])) or near(found[3][1][2])), ('triples', near(min(found[2][0]))),
            ('each counted once', near(min(found[3][2])) or near(min(found[3][3]))),
            ('another constant', any(near(o) for o in found[3][0]))])}, COUNTS)

COUNTS = {'best': RIGHT, 'quadruples': RIGHT}

@exercise('09.2', use=use_counts, facts=True, mistakes={
    '`best` has a constant for each of 1, 2 and 3 letters to look at': but(COUNTS, best='not three constants'),
    'the keys of `best` are how many letters are looked at: 1, 2 and 3': but(COUNTS, best='other keys'),
    'each pair, triple or quadruple is counted once, however often it comes; with `accumulate=True` in `index_put` all count':
        but(COUNTS, best='each counted once'),
    'each quadruple is counted once, however often it comes; with `accumulate=True` in `index_put` all count':
        but(COUNTS, quadruples='each counted once'),
    '`best` is chosen on the training names, whose counts these are, so the smallest constant always wins; choose on the validation names':
        but(COUNTS, best='on training names'),
    'these are the constants with the largest loss; the best has the smallest': but(COUNTS, best='the worst'),
    'these are the constants that the page used; others are better': but(COUNTS, best='as on the page'),
    '`quadruples` is a perplexity; the loss is its logarithm': but(COUNTS, quadruples='perplexity'),
    '`quadruples` is the loss on the training names': but(COUNTS, quadruples='on training names'),
    '`quadruples` is the loss of triples: look at the last *three* letters': but(COUNTS, quadruples='triples'),
    '`quadruples` is the loss with another constant than the best': but(COUNTS, quadruples='another constant')})
def counts(): return COUNTS

# 3. who sees whom

def use_seen(answer):
    params,*both = answer
    def logits(t, mix):
        x = torch.stack([torch.tensor([0, *map(LETTERS.index, o), *[0]*(t-len(o)-1)]) for o in ('katherine', 'katherina')])
        return transformer(mix=mix)(x, *(o.detach().double() for o in params.values()))[:,:10]
    facts = {}
    for (name,mix),other,got in zip((('closed',by_head), ('opened',open_heads)), (open_heads,by_head), map(as_tensor, both)):
        if got is None or got.shape not in ((2,10,27), (2,11,27)): return facts | {name: 'another shape'}
        got = got.detach().double()[:,:10]
        def is_it(mix, f=lambda o: o):  # of ten tokens, or with padding
            return any(torch.allclose(got, f(logits(t, mix)), rtol=1e-3, atol=1e-3) for t in (10, 11))
        facts[name] = first_of([(RIGHT, is_it(mix)), ('the other', is_it(other)), ('probabilities', is_it(mix, lambda o: o.softmax(-1))),
                                ('one name twice', torch.equal(got[0], got[1])), ('the names swapped', is_it(mix, lambda o: o.flip(0)))])
    return {'closed': 'swapped'} if set(facts.values())=={'the other'} else to_first_wrong(facts, SEEN)

def open_heads(q, k, v): return by_head(q, k, v, causal=False)

SEEN = {'closed': RIGHT, 'opened': RIGHT}

@exercise('09.3', use=use_seen, facts=True, mistakes={
    '`closed` has the logits of both names, 27 for each of ten tokens: the shape (2,10,27)': but(SEEN, closed='another shape'),
    '`opened` has the logits of both names, 27 for each of ten tokens: the shape (2,10,27)': but(SEEN, opened='another shape'),
    '`closed` comes from `open_attention`: is `attention` what it was, after the model has looked ahead?': but(SEEN, closed='the other'),
    '`opened` has the mask: `name_model` calls what is named `attention` when it runs, so give `open_attention` that name before':
        but(SEEN, opened='the other'),
    'the two are swapped: first with the mask, then without': but(SEEN, closed='swapped'),
    'katherina comes first; the first row is that of katherine': but(SEEN, closed='the names swapped'),
    '`closed` has probabilities; leave the logits as they are': but(SEEN, closed='probabilities'),
    '`opened` has probabilities; leave the logits as they are': but(SEEN, opened='probabilities'),
    'one name is there twice: the second is katherina': but(SEEN, closed='one name twice')})
def seen(): return SEEN

# 4. the likeliest name

def as_page(**kw): return known(11, **kw)

def knowing():
    "What the parameters know, in words, and these parameters"
    yield 'always emma',as_page(at=text('emma.'))
    yield 'always o',as_page(at=text('o.xyz'))
    yield 'no letter',as_page(at=text('.ab'))
    yield 'a after the dot, b after a, c after b',as_page(after={'.': {'a': 1.}, 'a': {'b': 1.}, 'b': {'c': 1.}, 'c': {'.': 1.}})
    yield 'ten letters',as_page(at=text('abcdefghij.'))
    yield 'b more often than a',as_page(after={'.': {'a': 0.4, 'b': 0.6}, 'a': {'.': 1.}, 'b': {'.': 1.}})
    for seed in range(9):
        params = dict(zip(PARAMS, random_params(16, 11, 27, 100*seed, torch.float32)))
        name = greedy(params)
        if 0<len(name)<10: yield 'random parameters',params

def greedy(params, pick=lambda o: o.argmax(), last=False, most=10):
    name = ''
    while len(name)<most:
        x = torch.tensor([[0, *map(LETTERS.index, name)]])
        logits = transformer()(x[:,-1:] if last else x, *(o.double() for o in params.values()))[0,-1]
        letter = LETTERS[pick(logits)]
        if letter=='.': break
        name += letter
    return name

def use_likeliest(f, what, params):
    "The name, if it is the same each time"
    with seeded(): found = [f(params) for _ in range(12)]
    return found[0] if all(o==found[0] for o in found) else 'another name in each call'

def sampled(params): return greedy(params, lambda o: o.softmax(-1).multinomial(1).item())

def likely(f): return made(use_likeliest, f)

@check('09.4', '09', knowing, use=use_likeliest, names=('what the model knows', 'params'), mistakes={
    'the dot at the end is left in': likely(lambda params: greedy(params)+'.'),
    'the token is sampled, so each call gives another name; take the `argmax`': likely(sampled),
    'the dot in front is left in': likely(lambda params: '.'+greedy(params)),
    'the *least* likely token is taken': likely(lambda params: greedy(params, lambda o: o.argmin())),
    'only the last token goes in, as if it stood at the first place; the model gets the whole text so far':
        likely(lambda params: greedy(params, last=True)),
    'the name goes on after its dot': likely(lambda params: greedy(params)+'aa'),
    'this stops after the first letter: go on until a dot comes': likely(lambda params: greedy(params, most=1)),
    'a name with ten letters is cut: there are as many places as that and one for the dot': likely(lambda params: greedy(params, most=9))})
def likeliest_name(what, params): return greedy(params)

# 5. surprise

def surprising():
    for i,name in enumerate(['a', 'bo', 'emma', 'katherine', 'abcdefghij', 'zzz']):
        yield dict(zip(PARAMS, random_params(16, 11, 27, 10*i, torch.float32))),name
    yield as_page(after={'.': {'a': 0.25, 'b': 0.75}, 'a': {'.': 0.5, 'b': 0.5}, 'b': {'.': 1.}}),'ab'

def use_surprise(f, params, name):
    got = f(params, name)
    return got.detach() if isinstance(got, torch.Tensor) else got

def of_tokens(mean=lambda o: sum(o)/len(o), log=lambda o: o.log_softmax(-1), tokens=lambda ids: [*ids[1:], 0], sign=-1, cut=None):
    def surprise(params, name):
        ids = [0, *map(LETTERS.index, name)]
        logs = log(transformer()(torch.tensor([ids]), *(o.double() for o in params.values()))[0])
        return sign*mean([logs[i,t].item() for i,t in enumerate(tokens(ids))][:cut])
    return surprise

def surprised(**kw): return made(use_surprise, of_tokens(**kw))

def padded(params, name):
    ids = [0, *map(LETTERS.index, name)]
    x,y = torch.tensor([ids+[0]*(11-len(ids))]),torch.tensor([ids[1:]+[0]*(12-len(ids))])
    logs = transformer()(x, *(o.double() for o in params.values()))[0].log_softmax(-1)
    return -logs.gather(1, y.T).mean().item()

def looking_ahead(params, name):
    "As `encode` has the name, with padding"
    ids,t = [0, *map(LETTERS.index, name), *[0]*(10-len(name))],len(name)+1
    logs = transformer(mix=open_heads)(torch.tensor([ids]), *(o.double() for o in params.values()))[0].log_softmax(-1)
    return -logs[range(t),(ids+[0])[1:t+1]].mean().item()

def by_letter(params, name):
    of = of_tokens(mean=sum)
    return sum(of(params, o) for o in name)/(2*len(name))

check('09.5', '09', surprising, use=use_surprise, near=1e-3, names=('params', 'name'), mistakes={
    '`encode(name)` makes a name of each letter; it takes a list of names, here `[name]`': made(use_surprise, by_letter),
    'the sum is divided by the number of letters; the dot at the end is a token as well, so by `len(name)+1`':
        surprised(mean=lambda o: sum(o)/(len(o)-1)),
    'each place looks ahead: is `attention` still `open_attention`, as in exercise 3?': made(use_surprise, looking_ahead),
    'this is the sum; the surprise is a mean, so that long names can be compared with short ones': surprised(mean=sum),
    'the dot after the name is a token like the letters, and counts': surprised(cut=-1),
    'the places of padding count; take those that `real` marks': made(use_surprise, padded),
    'the sign is wrong: the surprise is *minus* the log-probability': surprised(sign=1),
    'these are logits; take the logarithms of their softmax': surprised(log=lambda o: o),
    'these are probabilities; take their logarithms': surprised(log=lambda o: o.softmax(-1)),
    'each place is asked for its own letter, not for the one that follows': surprised(tokens=lambda ids: ids),
    'this is the perplexity of the name; its logarithm is the surprise': made(use_surprise, lambda *o: math.exp(of_tokens()(*o)))})(
    of_tokens())

# 6. names that begin as given

def beginnings():
    yield 'always the same name',dict(at=text('emma.')),'em',1
    yield 'always the same name',dict(at=text('emma.')),'emma',3
    yield 'always the same name',dict(at=text('emma.')),'',2
    yield 'always the same name',dict(after={'.': {'a': 1.}, 'a': {'b': 1.}, 'b': {'c': 1.}, 'c': {'.': 1.}}),'za',2
    yield 'always the same name',dict(at=text('abcdefghij.')),'abcdefghi',2
    yield 'always the same name',dict(at=text('abcdefghij.')),'zzzzzzzzzz',2
    yield 'two names',dict(after={'x': {'a': 0.7, 'b': 0.3}, 'a': {'.': 1.}, 'b': {'.': 1.}}),'x',15

def use_complete(f, what, knows, beginning, n):
    with seeded(): calls = [f(as_page(**knows), beginning, n) for _ in range(10 if what=='two names' else 1)]
    if what!='two names' or not all(isinstance(o, (list, tuple)) and len(o)==n for o in calls): return calls[0]
    if all(set(o)==set(calls[0]) and len(set(o))==1 for o in calls): return {ROWS: 'alike, and the same in each call'}
    if all(len(set(o))==1 for o in calls): return {ROWS: 'alike, but not the same in each call'}
    return {ROWS: 'not all alike'} | {f'the fraction of {k!r}': sum(o.count(beginning+k) for o in calls)/n/len(calls) for k in 'ab'}

ROWS = 'the names of a call'

def completions(step=lambda probs: probs.multinomial(1), once=False,
                first=lambda o: o, last=False, cut=lambda s, o: s.split('.')[1], more=0):
    def wrong(params, beginning, n):
        x = torch.tensor([[0, *map(LETTERS.index, first(beginning))]]*(1 if once else n))
        while x.shape[1]<12+more:
            x = torch.cat((x, step(transformer()(x[:,-1:] if last else x[:,:11], *params.values())[:,-1].softmax(-1))), 1)
        return [cut(''.join(LETTERS[i] for i in row), beginning) for row in x]*(n if once else 1)
    return made(use_complete, wrong)

@check('09.6', '09', beginnings, use=use_complete, near=0.12, names=('what', 'the model knows', 'beginning', 'n'), mistakes={
    'the names do not begin as given: the tokens of `beginning` come after the first dot, in each of the `n` rows':
        completions(first=lambda o: ''),
    'the beginning is left out of the names': completions(cut=lambda s, o: s.split('.')[1][len(o):]),
    'the likeliest token is taken each time; sample it from the softmax: `probs.multinomial(1)`':
        completions(step=lambda probs: probs.argmax(-1, keepdim=True)),
    'one name is sampled and repeated `n` times; each row needs a sample of its own': completions(once=True),
    'the first letter of the beginning is lost: `x` begins with a dot, so take one token more than the beginning has letters':
        completions(first=lambda o: o[:-1]),
    'only the last token goes in; the model gets the whole text so far': completions(last=True),
    'the dot in front is left in': completions(cut=lambda s, o: '.'+s.split('.')[1]),
    'what comes after the dot is left in; a name ends at its first dot': completions(cut=lambda s, o: s[1:]),
    'the last letter is missing: there are 11 places, so the text grows to 12 tokens': completions(more=-2)})
def completed(what, knows, beginning, n):
    if what=='two names': return {ROWS: 'not all alike'} | {f'the fraction of {k!r}': o for k,o in knows['after']['x'].items()}
    if 'after' in knows: return [beginning+'bc']*n
    name = ''.join(next(iter(o)) for o in knows['at'].values())
    return [(beginning+name[len(beginning):]).partition('.')[0]]*n

# 7. how many parameters

MAKES = 'randn','rand','normal','zeros','ones','empty'

def sizes():
    for o in ((1,1,1), (4,3,5), (8,5,100), (16,11,27), (16,16,27), (64,256,1000), (12,1000,3)): yield o

def use_n(f, *args): return f(*args)

BOTH,use_both = one_and_value(sizes, 'first', {RIGHT: 8417, 'equal': 8416, 'one vocabulary': 4251, 'no places': 8334,
    'eleven': 9182, 'eight': 12626, 'not whole': 101000/12})
FIRST = {'equal': '`first` is one too small: there the block is still the smaller part',
         'not whole': '`first` is where both are equal; wanted is the first whole number above',
         'one vocabulary': '`first` counts the vocabulary once, but it is in the embeddings and in the output',
         'no places': '`first` leaves out the position embeddings', 'eleven': '`first` lacks one of the four matrices of attention',
         'eight': '`first` lacks a part of the block: it has four matrices of attention, and two larger ones after it'}

def total(a=12, vocabs=2, places=1): return value_or(lambda d, block, vocab: float(d*(vocabs*vocab + places*block) + a*d*d), 'first')

check('09.7', '09', BOTH, use=use_both(use_n), same=('name_params',), without=MAKES, 
      names=lambda *args: ('d', 'block', 'vocab')*(len(args)==3), mistakes={
    text: value_or(lambda d, block, vocab: float(d*(2*vocab + block + 12*d)), 'first', k) for k,text in FIRST.items()} | {
    'of the four matrices of attention one is missing: there are `wq`, `wk`, `wv` and `wo`': total(a=11),
    'the second matrix of the two-layer network is missing': total(a=8),
    'the two-layer network is missing: `w1` and `w2` have `4*d*d` numbers each': total(a=4),
    'the layer in the middle of the small network is four times as wide as its input, so `w1` and `w2` have `4*d*d` numbers each':
        total(a=6),
    'the output has numbers of its own, `d` for each token of the vocabulary': total(vocabs=1),
    'the position embeddings are missing': total(places=0)})(total())
