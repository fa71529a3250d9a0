"Page 3a: answers to the exercises that are right in another way pass, and wrong ones are met by the sentence that explains them."
import inspect, math
import pytest
from fastfound import value
from test_checks import on_page

def answered(number, code, answer):
    "With a class of its own, so that what is set on it is gone after the test"
    return on_page(number, inspect.getsource(value.Value)+'\n'+code, answer, {**vars(value), 'math': math}, seconds=1)

DIVIDE = "def divide(a, b): return Value(a.data/b.data, '÷', (a,b), (lambda g: g/b.data, lambda g: -g*a.data/b.data**2))\n"
HAND_ON = '''def hand_on(v, g):
    v.grad += g
    for inp,fn in zip(v.inputs, v.backward_fns): hand_on(inp, fn(g))
'''
TANH = DIVIDE + '''Value.__truediv__ = divide
def exp(a):
    e = math.exp(a.data)
    return Value(e, 'exp', (a,), (lambda g: g*e,))
Value.exp = exp
def composed_tanh(a):
    e = (2*a).exp()
    return (e-1)/(e+1)
'''

RIGHT = [
    ('03a.1', '', '7.000000001'), ('03a.1', 'def f(x): return x**2 + 3*x\nx = Value(2.)\nf(x).backward()', 'x.grad'), ('03a.1', '', '7'),
    ('03a.2', DIVIDE, 'divide'),
    ('03a.2', '''def divide(a, b):
    q = a.data/b.data
    return Value(q, '/', [a, b], [lambda up: up*(1/b.data), lambda up: up*-q/b.data])''', 'divide'),
    ('03a.3', HAND_ON, '(hand_on, 8191)'),
    ('03a.3', '''def hand_on(v, g):
    waiting = [(v, g)]
    while waiting:
        v,g = waiting.pop()
        v.grad = v.grad+g
        waiting += [(o, f(g)) for o,f in zip(v.inputs, v.backward_fns)]''', '[hand_on, 2**13-1]'),
    ('03a.4', TANH, 'composed_tanh'),
    ('03a.4', TANH, 'lambda a: (a.exp()-(-1*a).exp())*(a.exp()+(-1*a).exp())**-1')]

@pytest.mark.parametrize('number,code,answer', RIGHT)
def test_another_way_is_right(number, code, answer):
    v = answered(number, code, answer)
    assert v, v.text

WRONG = [
    ('03a.1', '', '10.', 'the value of the formula'),
    ('03a.1', '', '4', '3x is forgotten'),
    ('03a.1', '', '7.01', ''),
    ('03a.1', '', '"7"', ''),
    ('03a.2', DIVIDE.replace('-g', 'g'), 'divide', 'wrong sign'), ('03a.2', DIVIDE.replace('**2', ''), 'divide', 'square is missing'),
    ('03a.2', DIVIDE.replace('g/b.data,', 'g,'), 'divide', 'divide it by b'),
    ('03a.2', 'def divide(a, b): return a*b**-1', 'divide', 'one operation'),
    ('03a.2', DIVIDE.replace('a.data/b.data,', 'b.data/a.data,'), 'divide', ''),
    ('03a.3', HAND_ON.replace('fn(g)', 'fn(v.grad)'), '(hand_on, 8191)', 'hand on `g`'),
    ('03a.3', HAND_ON.replace('+= g', '= g'), '(hand_on, 8191)', 'add it'), ('03a.3', HAND_ON, '(hand_on, 8190)', 'number of calls is not'),
    ('03a.3', HAND_ON, '(hand_on, 13)', 'number of calls is not'), ('03a.3', HAND_ON.replace('fn(g)', 'g'), '(hand_on, 8191)', 'as it is'),
    ('03a.3', 'def hand_on(v, g): v.backward()', '(hand_on, 8191)', ''),
    ('03a.4', TANH.replace('2*a', 'a'), 'composed_tanh', 'tanh(a/2)'),
    ('03a.4', TANH.replace('g*e', 'g'), 'composed_tanh', 'its own derivative'),
    ('03a.4', TANH.replace('g*e', 'e'), 'composed_tanh', 'multiply by it'), ('03a.4', TANH, 'lambda a: a.tanh()', 'compose it'),
    ('03a.4', TANH.replace('Value.exp = exp\n', ''), 'composed_tanh', 'must be set on the class'),
    ('03a.4', TANH.replace('(e-1)/(e+1)', '(e*-1+1)/(e+1)'), 'composed_tanh', 'sign is wrong')]

@pytest.mark.parametrize('number,code,answer,told', WRONG)
def test_a_wrong_answer_is_found(number, code, answer, told):
    v = answered(number, code, answer)
    assert v.state=='wrong' and told in v.mistake, v.text

def test_what_was_wanted_is_not_shown():
    assert '7' not in answered('03a.1', '', '8.').text and '8191' not in answered('03a.3', HAND_ON, '(hand_on, 1)').text

@pytest.mark.parametrize('number,code,answer', [
    ('03a.1', '', '...'), ('03a.2', 'def divide(a, b): ...', 'divide'), ('03a.3', HAND_ON, '(hand_on, ...)'),
    ('03a.3', 'def hand_on(v, g): ...', '(hand_on, ...)'), ('03a.4', 'def composed_tanh(a): ...', 'composed_tanh')])
def test_an_empty_answer_is_not_yet(number, code, answer): assert answered(number, code, answer).state=='not yet'
