"Chapter 2, exercises: other right answers pass the checks, and wrong ones do not."
import math
import pytest, torch
from fastfound.checking import verdict

torch.manual_seed(0)
START,PATTERN = torch.randn(50,1)*0.2,torch.randn(784,1)*1e-3
STEP = PATTERN@START.t()
FALLING = [0.01*i for i in range(30)]+[1.]*20

def once_more(params, x):
    "New pairs, by another way: the root mean square of all outputs from the start, layer by layer"
    new = []
    for i in range(len(params)):
        out = x
        for w,b in [*new, params[i]]:
            out = out@w+b
            if len(new)+1<len(params) or w is not params[i][0]: out = out.relu()
        new.append((params[i][0]/(out.norm()/out.numel()**0.5), params[i][1]))
    return new
def with_data(params, x):
    for i,(w,b) in enumerate(params):
        x = x@w+b if i==len(params)-1 else torch.relu(x@w+b)
        r = (x*x).mean()**0.5
        w.data.div_(r)
        x = x/r

@pytest.mark.parametrize('number,answer', [('02.1', 784*100+100+101*50-50+50+510), ('02.1', torch.tensor(84060)), ('02.1', 84060.),
    ('02.2', 2**25), ('02.2', torch.tensor(2.4e7)), ('02.2', 6e7), ('02.3', 0.1355), ('02.3', torch.tensor(2/1.09/100).sqrt()),
    ('02.4', 1.667), ('02.4', 5/3), ('02.5', (START, STEP)),
    ('02.5', (START[:,0], STEP*(1+1e-3*torch.rand_like(STEP)))), ('02.5', (START.t(), -3*STEP)),
    ('02.6', (FALLING, [1.4,1.1,0.75])), ('02.6', (torch.tensor(FALLING), torch.tensor([1.45,1.05,0.65,0.3]))),
    ('02.7', once_more), ('02.7', with_data)])
def test_a_right_answer_passes(number, answer):
    v = verdict(number, answer)
    assert v and v.text.startswith(f'{number}: right'), v.text

def std_instead(params, x):
    for i,(w,b) in enumerate(params):
        z = x@w+b
        x = z if i==len(params)-1 else z.relu()
        w /= x.std()
        x = x/x.std()
def one_scale(params, x):
    for w,b in params: w /= 0.01
def biases_too(params, x):
    with_data(params, x)
    for w,b in params: b += 1

@pytest.mark.parametrize('number,answer,says', [('02.1', 83900, 'weights alone'), ('02.1', 84061, ''), ('02.1', 934+50, ''),
    ('02.1', 84834, '*input*'),
    ('02.1', torch.tensor(83903), 'single bias'), ('02.1', '84060', ''), ('02.2', 2**50, '*variance*'), ('02.2', 1, 'ReLU'),
    ('02.2', 1.414, 'single layer'), ('02.2', 70.7, 'added'), ('02.2', -2.**25, ''), ('02.2', 0, ''), ('02.2', 3e9, ''),
    ('02.3', 0.1414, 'plain ReLU'), ('02.3', 0.1, 'without any'), ('02.3', 0.124, 'squared'), ('02.3', 0.0183, 'variance'),
    ('02.3', 1.3546, 'factor alone'), ('02.3', 0.0958, '2 is missing'), ('02.4', 1, 'shrink'), ('02.4', 3, 'beyond ±3'),
    ('02.4', 0.5, 'half'), ('02.4', 0.1667, '√n already'), ('02.5', (START, STEP*0), 'clone'),
    ('02.5', (START, STEP+1/784), 'after the step'),
    ('02.5', (START, torch.randn(784,50)*1e-3), 'after the step'), ('02.5', (START*0+1, PATTERN.expand(-1,50)), 'all equal'),
    ('02.5', (START, STEP.t()), 'transposed'), ('02.5', (START, STEP*1e4), ''),
    ('02.6', ([0.6]*20+[0.9]*30, [1.4,1.1,0.75]), '*outputs*'), ('02.6', (FALLING, [0.8,0.7,0.5]), 'before it'),
    ('02.6', (FALLING[:49], [1.4,1.1,0.75]), ''), ('02.6', ([0.]*50, [1.4,1.4,1.4]), ''), ('02.6', ([0.]*50, [1.4,1.39,1.38]), 'too few'),
    ('02.6', ([100*o for o in FALLING], [1.4,1.1,0.75]), 'percentages'), ('02.6', ([1-o for o in FALLING], [1.4,1.1,0.75]), '*not*'),
    ('02.7', std_instead, 'standard deviation'), ('02.7', one_scale, ''), ('02.7', biases_too, ''),
    ('02.7', lambda params, x: x.mul_(2), '')])
def test_a_wrong_answer_is_found(number, answer, says):
    v = verdict(number, answer)
    assert v.state=='wrong' and says in v.mistake, v.text
    assert '84060' not in v.text.replace("'84060'", '') and 'wanted' not in v.text.partition('\n')[0]

@pytest.mark.parametrize('number,answer', [('02.1', ...), ('02.5', (..., STEP)), ('02.6', ([], ...))])
def test_an_empty_answer_is_not_yet(number, answer): assert verdict(number, answer).state=='not yet'

def test_a_number_may_be_measured():
    assert verdict('02.2', math.sqrt(2)**50*5) and not verdict('02.2', 2.**25*10)
