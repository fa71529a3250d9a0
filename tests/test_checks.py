"Checks of what readers write: every solution of the book is right, an empty one is not yet, and the usual mistakes are told by name."
import importlib, inspect, pkgutil, textwrap
import pytest
from fastfound import checks
from fastfound.checking import of_the_book, verdict
from fastfound.checks.spec import CHECKS

for o in pkgutil.iter_modules(checks.__path__): importlib.import_module(f'fastfound.checks.{o.name}')

def as_a_readers(name, *changes):
    "The book's definition of `name`, as if a reader had written it; of pairs in `changes` the first is replaced by the second"
    f = of_the_book(name)
    home = dict(vars(importlib.import_module(f.__module__)), __name__='__main__')
    text = textwrap.dedent(inspect.getsource(f))
    for old,new in changes:
        assert old in text, f'{name}: {old!r} is not in it'
        text = text.replace(old, new)
    exec(compile(text, f.__module__, 'exec'), home)
    return home[name]

@pytest.mark.parametrize('name', [o for o in CHECKS if o[0].isalpha()])
def test_the_books_solution_is_right(name):
    v = verdict(name, as_a_readers(name))
    assert v, v.text

@pytest.mark.parametrize('name,text', [(c.name, text) for c in CHECKS.values() for text in c.mistakes])
def test_a_usual_mistake_is_told(name, text, monkeypatch):
    "What makes it is wrong, and met by its own sentence"
    c = CHECKS[name]
    def made(*args): return c.mistakes[text](*args)
    wrong = getattr(c.mistakes[text], 'wrong', made)
    if wrong is made and c.use.__name__!='call': pytest.skip('a mistake in a class is told in terms of what is compared')
    monkeypatch.setattr(wrong, '__module__', '__main__')  # as if a reader had written it
    monkeypatch.setattr(c, 'without', ())  # it may use what an exercise does without
    v = verdict(name, wrong)
    assert v.state=='wrong' and v.mistake==text, v.text
