"The exercises of chapter 8: what was measured on the page is handed over, and it is asked what must be true of it."
# mypy: ignore-errors
import math
import torch
from torch import nn
from .facts import RIGHT, as_number, but, first_of, given, near, to_first_wrong
from .mnist_sgd import seeded
from .overfitting import numbers, told_of
from .spec import check, exercise

def result(o, key='validation'):
    "One of the numbers that `train` and `results` give"
    return as_number(o[key]) if isinstance(o, dict) and key in o else math.nan

def results_of(**kw):
    "Such results, for the mistakes"
    return {'training loss': 0.3, 'validation loss': 0.5, 'training': 0.9, 'validation': 0.8} | kw

# 1. three hundred digits against a thousand

def use_three_hundred(answer):
    try: mine,theirs = ([as_number(o) for o in side] for side in answer)
    except TypeError: return {'`mine` and `theirs` are lists': False}
    told = {'`mine` and `theirs` are lists': True, 'each has an accuracy for two seeds or more': len(mine)==len(theirs)>=2}
    if not all(told.values()): return told
    a,b = (sum(o)/len(o) for o in (mine, theirs))
    told |= {'all are between 0 and 1': all(0<=o<=1 for o in mine+theirs)}
    if all(told.values()): told |= {'`mine` are those of three hundred digits, on validation digits': a<0.985 or b>0.97}
    if not all(told.values()): return told
    return told | {'`theirs` are those of a thousand digits without a remedy, on validation digits':
                       'on training digits' if b>0.97 else 'yes' if 0.8<b<0.95 else 'too low' if b<=0.8 else 'too high',
                   'which list has the higher mean': 'mine' if a>b else 'theirs'}

@exercise('08.1', use=use_three_hundred, facts=True, mistakes={
    'these are accuracies on training digits, which say nothing about other ones; take `[\'validation\']`':
        given(use_three_hundred, [1., 1.], [1., 1.]),
    '`mine` are too high for validation digits; are they those on the training digits, `[\'training\']`? Take `[\'validation\']`':
        given(use_three_hundred, [1., 1.], [0.9, 0.91]),
    'three hundred digits do not beat the thousand yet: which two remedies gained most, besides data?':
        given(use_three_hundred, [0.85, 0.86], [0.9, 0.91]),
    'one seed says little: give both lists an accuracy for each of the same two seeds, or of more': given(use_three_hundred, [0.93], [0.9]),
    'an accuracy is a fraction between 0 and 1; are these percentages, or losses?': given(use_three_hundred, [93., 94.], [90., 91.])})
def three_hundred(): return use_three_hundred(([0.93, 0.94], [0.9, 0.91]))

# 2. wrong labels

SHARES = {'about 0.27': (0.2,0.345), 'about 0.63': (0.55,0.7)}  # one in ten random labels is right

def numbers_of(o): return result(o),result(o, 'training')

def use_noisy(answer):
    y,noisy,long,short = answer
    same = all(isinstance(o, torch.Tensor) for o in (y, noisy)) and y.shape==noisy.shape
    told = {'there are as many labels as before': same, '`long` and `short` are what `fit` gives': 
            not any(map(math.isnan, numbers_of(long)+numbers_of(short)))}
    if not all(told.values()): return told
    share = (y!=noisy).double().mean().item()
    told |= {'`noisy` is a tensor of its own': noisy.data_ptr()!=y.data_ptr()}
    if not all(told.values()): return told
    kind = 'none' if not share else next((k for k,(a,b) in SHARES.items() if a<share<b), 'another one')
    (v_long,t_long),(v_short,t_short) = numbers_of(long),numbers_of(short)
    return told | {'every label is one of 0 to 9': bool(((noisy>=0)&(noisy<10)&(noisy%1==0)).all()),
                   'the fraction of labels that are wrong': kind,
                   'the labels that the networks were trained on': 'those of `noisy`' if t_short<0.8 or t_long<0.8 else 'others',
                   'which is better on validation digits': 'short' if v_short>v_long else 'long',
                   'which is better on training digits': 'long' if t_long>t_short else 'short'}

Y = torch.arange(1000)%10
def noise(n): return torch.where(torch.arange(1000)<n, (Y+1)%10, Y)
CLEAN = results_of(training=1., validation=0.88)
LONG,SHORT = results_of(training=0.97, validation=0.73),results_of(training=0.64, validation=0.84)

@exercise('08.2', use=use_noisy, facts=True, mistakes={
    'no label is wrong: `torch.where` takes from its second argument where the first is true': given(use_noisy, Y, Y.clone(), LONG, SHORT),
    '`noisy` is `y` itself: what is written into the one is written into the other. Make `y` anew, for the exercises below as well, and '
    'write into `y.clone()`': given(use_noisy, Y, Y, LONG, SHORT),
    'the networks know their training labels too well for noisy ones, after 3 epochs as well: hand them over, `fit(..., y=noisy)`':
        lambda: use_noisy((Y, noise(270), CLEAN, CLEAN | {'validation': 0.86, 'training': 0.9})),
    'seven in ten digits got a random label, of which one in ten happens to be right: three in ten is `torch.rand(1000)<0.3`':
        given(use_noisy, Y, noise(630), LONG, SHORT),
    '`long` and `short` are the other way round: `long` has 20 epochs and learns more of the labels, wrong ones too':
        given(use_noisy, Y, noise(270), SHORT, LONG)})
def noisy(): return use_noisy((Y, noise(270), LONG, SHORT))

# 3. dropout as it was first written

def first_layers():
    for shape,p in (((12,), 0.5), ((12,), 0.8), ((40,50), 0.2), ((3,8), 0.8), ((30,), 0.)):
        for mode in ('evaluation', 'training'): yield mode,numbers(*shape, dtype=torch.float32),p

MEASURED = '`remembered` and `forgotten` are what `train` and `results` give'

def use_first(answer, mode, x, p):
    cls,remembered,forgotten = answer
    if any(math.isnan(result(o, k)) for o in (remembered, forgotten) for k in ('validation', 'validation loss')): return {MEASURED: False}
    layer = cls(p)
    model = nn.Sequential(layer).train(mode=='training')
    if mode=='training': told = told_of(model, x, p)
    else:
        with seeded(): told = of_output(model(x), x)
    ratio = result(forgotten, 'validation loss')/result(remembered, 'validation loss')
    near = abs(result(forgotten)-result(remembered))<0.04
    return told | after(ratio, near) if isinstance(told, dict) else told

def of_output(out, x):
    if not isinstance(out, torch.Tensor) or out.shape!=x.shape: return {'in evaluation the shape is that of the input': False}
    return {'in evaluation the shape is that of the input': True,
            'the factor in evaluation': ', '.join(sorted({f'{o:.3g}' for o in (out/x+0.).flatten().tolist()})[:4])}

def after(ratio=2., near=True):
    return {MEASURED: True,
        'without the factor, the validation loss is': 'much higher' if ratio>1.2 else 'about the same' if ratio>0.9 else 'lower',
            'without the factor, the validation accuracy is': 'about the same' if near else 'another'}

def first_wanted(mode, x, p):
    return of_output(x*(1-p), x) | after() if mode!='training' else use_first((First,*AFTER), mode, x, p)

class First(nn.Module):
    "Dropout as it was first written"
    def __init__(self, p, train=lambda x, keep, p: x*keep, evaluate=lambda x, p: x*(1-p), drop=lambda x, p: torch.rand(x.shape)>=p):
        super().__init__()
        self.p,self.functions = p,(train, evaluate, drop)
    def forward(self, x):
        train,evaluate,drop = self.functions
        return train(x, drop(x, self.p), self.p) if self.training else evaluate(x, self.p)

AFTER = results_of(**{'validation loss': 0.38, 'validation': 0.9}),results_of(**{'validation loss': 0.58, 'validation': 0.9})

def first_mistake(after=AFTER, **kw):
    def told(*args): return use_first((lambda p: First(p, **kw),*after), *args)
    return told

check('08.3', '08', first_layers, use=use_first, near=0.05, facts=True, names=('mode', 'x', 'p'),
      without=('dropout', 'dropout_', 'alpha_dropout', 'feature_dropout', 'native_dropout'), same=('dropout', 'Dropout'), mistakes={
    'the results are dicts, as `train(model)` and `results(model)` give them, not a loss alone': lambda *_: {MEASURED: False},
    'this is dropout as it is written today; the first one only sets to 0 in training, and multiplies by `1-p` in evaluation':
        first_mistake(train=lambda x, keep, p: x*keep/(1-p), evaluate=lambda x, p: x),
    'in evaluation the numbers stay as they are; multiply them by `1-p`': first_mistake(evaluate=lambda x, p: x),
    'in evaluation the numbers are multiplied by `p`; the fraction that was kept is `1-p`': first_mistake(evaluate=lambda x, p: x*p),
    'what is kept is enlarged in training and made smaller in evaluation; only one of the two is needed, here the second':
        first_mistake(train=lambda x, keep, p: x*keep/(1-p)),
    'numbers are dropped in evaluation, too; then none is, and all are multiplied by `1-p`':
        first_mistake(evaluate=lambda x, p: x*(torch.rand(x.shape)>=p)),
    '`p` is the probability of being *dropped*; here it is that of being kept': first_mistake(drop=lambda x, p: torch.rand(x.shape)<p),
    '`remembered` and `forgotten` are the other way round: first the results with the factor, then without': first_mistake(AFTER[::-1]),
    'the layer is right, but `forgotten` is no worse: set the factor of `model[2]` to 1 and call `results(model)`':
        first_mistake((AFTER[0],AFTER[0]))})(first_wanted)

# 4. the lowest smoothed loss

def entropy(*p): return -sum(o*math.log(o) for o in p)
LOWEST = entropy(0.91, *[0.01]*9)

def use_lowest(answer):
    z,loss = map(as_number, answer)
    def named(o, **cases): return first_of(((k.replace('_', ' '), near(o, v)) for k,v in cases.items()))
    facts = {'`z`': named(z, right=math.log(91), of_81=math.log(81), of_90=math.log(90), of_9=math.log(9), of_all=math.log(0.91/0.09),
                          base_10=math.log10(91), base_2=math.log2(91), ratio=91., probability=0.91),
             '`loss`': named(loss, right=LOWEST, target_of_09=entropy(0.9, *[0.1/9]*9), right_class=entropy(0.91),
                             one_wrong=entropy(0.91, 0.01))}
    if loss==0: facts['`loss`'] = 'none'
    return {'`z`': 'swapped'} if near(loss, math.log(91)) and near(z, LOWEST) else to_first_wrong(facts, LOW)

LOW = {'`z`': RIGHT, '`loss`': RIGHT}

@exercise('08.4', use=use_lowest, facts=True, mistakes={
    'the two are swapped: first `z`, then `loss`': but(LOW, **{'`z`': 'swapped'}),
    'the right class gets its part of `eps` as well: the targets are 0.91 and 0.01, not 0.9 and 0.1/9': but(LOW, **{'`z`': 'of 81'}),
    'the right class gets its part of `eps` as well: its target is 0.91, not 0.9': but(LOW, **{'`z`': 'of 90'}),
    'this compares 0.9 with 0.1; `eps` is divided among all ten classes, the right one among them': but(LOW, **{'`z`': 'of 9'}),
    'the wrong classes have 0.09 together, but the softmax compares with each of them alone: 0.01': but(LOW, **{'`z`': 'of all'}),
    'the ratio of the two probabilities is e to the power of `z`; `z` is its natural logarithm': but(LOW, **{'`z`': 'base 10'}),
    'the logarithm is that to the base 2; `z` is the natural one, of the ratio of the two probabilities': but(LOW, **{'`z`': 'base 2'}),
    'this is the ratio of the two probabilities; `z` is its natural logarithm': but(LOW, **{'`z`': 'ratio'}),
    'this is the probability of the right class; `z` is its logit': but(LOW, **{'`z`': 'probability'}),
    '`z` is right; the loss is computed with other targets than 0.91 and 0.01': but(LOW, **{'`loss`': 'target of 09'}),
    '`z` is right; the loss has a term for each class, and here only that of the right one is counted':
        but(LOW, **{'`loss`': 'right class'}),
    '`z` is right; the loss adds up the terms of all nine wrong classes, not of one': but(LOW, **{'`loss`': 'one wrong'}),
    '`z` is right; with smoothed labels the loss cannot reach 0': but(LOW, **{'`loss`': 'none'})})
def lowest(): return LOW

# 5. labels learned by heart

def use_learned(answer):
    if not isinstance(answer, dict) or set(answer)!={3, 10, 100}: return {'`learned` has the keys 3, 10 and 100': False}
    few,some,many = (as_number(answer[k]) for k in (3, 10, 100))
    return {'`learned` has the keys 3, 10 and 100': True, 'all are between 0 and 1': all(0<=o<=1 for o in (few, some, many)),
            'the labels are shuffled, and the digits those for training': 'validation digits' if max(few, some, many)<0.2
                else 'true labels' if few>0.5 else 'yes',
            'three units learn less than ten, and ten less than a hundred': few<some<many, 'a hundred learn most labels': many>0.5}

@exercise('08.5', use=use_learned, facts=True, mistakes={
    'these are accuracies on validation digits, where nothing can be learned from shuffled labels; take `[\'training\']`':
        given(use_learned, {3: 0.09, 10: 0.1, 100: 0.11}),
    'as much is learned of true labels only: shuffle them, and hand them to `fit` as `y=`': given(use_learned, {3: 0.7, 10: 0.95, 100: 1.}),
    'the accuracies do not grow with the units: train a new network for each, of 3, 10 and 100 units': given(use_learned,
        {3: 0.3, 10: 0.28, 100: 0.84})})
def learned(): return use_learned({3: 0.23, 10: 0.29, 100: 0.84})

# 6. a forecast

def line(ns, values, n):
    "The straight line through points by least squares, at `n`"
    x,y = (torch.tensor(o, dtype=torch.float64) for o in (ns, values))
    a = ((x-x.mean())*(y-y.mean())).sum()/((x-x.mean())**2).sum()
    return (y.mean()+a*(n-x.mean())).item()

def use_forecast(answer):
    by_number,forecast = answer
    try: accuracy = [result(o) for o in by_number.values()]
    except AttributeError: return {'`by_number` is that of the page': False}
    if len(accuracy)!=4 or not all(0<o<1 for o in accuracy): return {'`by_number` is that of the page': False}
    ns,errors,logs = [100,300,1000,3000],[1-o for o in accuracy],[math.log(1-o) for o in accuracy]
    log_n,at = [math.log(o) for o in ns],math.log(3000)
    ways = {'that of the line': math.exp(line(log_n[:3], logs[:3], at)),
            'that of the line through all four': math.exp(line(log_n, logs, at)),
            'what came, not a forecast': errors[3], 'an accuracy': 1-math.exp(line(log_n[:3], logs[:3], at)),
            'a logarithm': line(log_n[:3], logs[:3], at), 'that of a line through the errors themselves': line(ns[:3], errors[:3], 3000),
            'that of a line with one logarithm': line(log_n[:3], errors[:3], at)}
    value = as_number(forecast)
    return {'`by_number` is that of the page': True,
            'the forecast': next((k for k,o in ways.items() if math.isclose(value, o, rel_tol=2e-3)), 'another')}

FORECAST = {'`by_number` is that of the page': True, 'the forecast': 'that of the line'}
def forecast_mistake(way): return but(FORECAST, the_forecast=way)

@exercise('08.6', use=use_forecast, facts=True, mistakes={
    'the line goes through all four points; the one to be forecast must play no part':
        forecast_mistake('that of the line through all four'),
    'this is the error rate that came; forecast it from the other three': forecast_mistake('what came, not a forecast'),
    'this is an accuracy; the forecast is an error rate': forecast_mistake('an accuracy'),
    'this is the logarithm of the error rate; take the exponential of it': forecast_mistake('a logarithm'),
    'the line goes through the numbers themselves; take the logarithms of both':
        forecast_mistake('that of a line through the errors themselves'),
    'the line goes through the error rates; take their logarithms as well': forecast_mistake('that of a line with one logarithm')})
def forecast(): return FORECAST

# 7. the disappointment of the winner

def expected(lead, chosen, k, high):
    "The mean of `lead` for the best by `chosen` of `k` that are drawn; of two that tie, the one with the higher or the lower lead"
    order = sorted(range(len(lead)), key=lambda i: (chosen[i], lead[i] if high else -lead[i]))
    return sum(math.comb(rank, k-1)*lead[i] for rank,i in enumerate(order))/math.comb(len(lead), k)

def use_choices(answer):
    tried,by_choices = answer
    if not isinstance(by_choices, dict) or set(by_choices)!={1, 3, 10, 30, 100}: return {'there is one for 1, 3, 10, 30 and 100': False}
    try: a,b = ([as_number(o[k]) for o in tried] for k in ('chosen_by', 'accuracy'))
    except (TypeError, KeyError): return {'`tried` is that of the page': False}
    if len(a)<100 or any(map(math.isnan, a+b)): return {'`tried` is that of the page': False}
    mean_a,mean_b = sum(a)/len(a),sum(b)/len(b)
    leads = [x-mean_a-y+mean_b for x,y in zip(a, b)]
    error = 5*torch.tensor(leads).std().item()/1000**0.5
    ways = {'as expected': (leads,a), 'of the wrong sign': ([-o for o in leads],a), 'without the means': ([x-y for x,y in zip(a, b)],a),
            'of the best by accuracy': (leads,b), 'the lead by `chosen_by`': ([x-mean_a for x in a],a),
            'the lead by accuracy': ([y-mean_b for y in b],a)}
    def agrees(lead, chosen):
        return all(expected(lead, chosen, k, False)-error<as_number(o)<expected(lead, chosen, k, True)+error for k,o in by_choices.items())
    return {'there is one for 1, 3, 10, 30 and 100': True, '`tried` is that of the page': True,
            'the disappointments': next((k for k,o in ways.items() if agrees(*o)), 'others')}

CHOICES = {'there is one for 1, 3, 10, 30 and 100': True, '`tried` is that of the page': True, 'the disappointments': 'as expected'}
def choices_mistake(way): return but(CHOICES, the_disappointments=way)

@exercise('08.7', use=use_choices, facts=True, mistakes={
    'every sign is wrong: the winner leads more by `chosen_by`, and from that its lead by `accuracy` is subtracted':
        choices_mistake('of the wrong sign'),
    'the average network is not subtracted: take each number minus its mean over all networks': choices_mistake('without the means'),
    'the best is chosen by `accuracy`; choose by `chosen_by`': choices_mistake('of the best by accuracy'),
    'this is the lead by `chosen_by`; subtract the lead by `accuracy`': choices_mistake('the lead by `chosen_by`'),
    'this is the lead by `accuracy`; subtract it from the lead by `chosen_by`': choices_mistake('the lead by accuracy')})
def choices(): return CHOICES
