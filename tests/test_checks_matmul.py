"Chapter 1: other right ways pass the checks, and wrong ones do not."
import itertools, math
import pytest, torch
from fastfound.checking import verdict
from test_checks import as_a_readers

# other right ways

def by_numbers(a, b):
    c = torch.zeros(a.shape[0], b.shape[1], dtype=a.dtype)
    for i,j,l in itertools.product(range(a.shape[0]), range(b.shape[1]), range(a.shape[1])): c[i][j] = c[i][j] + a[i][l]*b[l][j]
    return c

def by_python_sums(a, b):
    rows = [[sum((a[i,l]*b[l,j] for l in range(len(b))), a.new_zeros(())) for j in range(b.shape[1])] for i in range(len(a))]
    return torch.stack([torch.stack(row) if row else a.new_zeros(0) for row in rows]) if rows else a.new_zeros(0, b.shape[1])

def a_multiple_of_rows(a, b):
    c = a.new_zeros(len(a), b.shape[1])
    for i in range(len(a)):
        for l in range(len(b)): c[i] += a[i,l]*b[l]
    return c

def all_at_once(a, b): return (a[:,:,None]*b[None]).sum(1)

def columns_at_a_time(a, b):
    c = a.new_zeros(len(a), b.shape[1])
    for j in range(b.shape[1]): c[:,j] = (a*b[:,j]).sum(1)
    return c

def outer_products(a, b):
    c = a.new_zeros(len(a), b.shape[1])
    for l in range(len(b)): c = c + a[:,l,None]*b[l]
    return c

def by_lists(a, b):
    a_rows,b_rows,c = a.tolist(),b.tolist(),torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i,j,l in itertools.product(range(len(a)), range(b.shape[1]), range(len(b))): c[i,j] += a_rows[i][l]*b_rows[l][j]
    return c
def by_fsum(a, b):
    columns = list(zip(*b.tolist()))
    rows = [[math.fsum(x*y for x,y in zip(row, column)) for column in columns] for row in a.tolist()]
    return torch.tensor(rows).to(a.dtype).view(len(a), b.shape[1])
def by_items(a, b):
    c = torch.zeros(len(a), b.shape[1], dtype=a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]): c[i,j] = (a[i]*b[:,j]).sum().item()
    return c

def by_sums_of_products(a, b):
    c = a.new_zeros(len(a), b.shape[1])
    for i in range(len(a)):
        for j in range(b.shape[1]): c[i,j] = sum(a[i]*b[:,j])
    return c

@pytest.mark.parametrize('name,f', [('matmul_loops', o) for o in (by_numbers, by_python_sums, a_multiple_of_rows, outer_products, by_lists,
                                                                  by_fsum)] +
    [('matmul_bcast', o) for o in (all_at_once, columns_at_a_time, outer_products)] +
    [('matmul_dot', o) for o in (columns_at_a_time, by_items, by_fsum, by_sums_of_products)] +
    [('matmul_einsum', lambda a, b: torch.einsum('ab,bc->ac', a, b))])
def test_another_product_is_right(name, f):
    def careful(a, b):
        assert a.shape[1]==len(b)
        return f(a, b)
    v = verdict(name, careful)
    assert v, v.text
    assert 'inner sizes that differ are not refused' in verdict(name, f).mistake

def from_the_right(*shapes):
    result = []
    for sizes in itertools.zip_longest(*(o[::-1] for o in shapes), fillvalue=1):
        other = {o for o in sizes if o!=1}
        if len(other)>1: raise ValueError(f'{shapes} do not fit in dimension {-1-len(result)}')
        result.insert(0, other.pop() if other else 1)
    return tuple(result)

def two_at_a_time(*shapes):
    total = ()
    for s in shapes:
        n = max(len(s), len(total))
        s,t = (1,)*(n-len(s))+tuple(s),(1,)*(n-len(total))+total
        for i,(a,b) in enumerate(zip(s, t)):
            if a!=b and 1 not in (a,b): raise ValueError(f'{[*s]} and {[*t]} clash in dimension {i}')
        total = tuple(b if a==1 else a for a,b in zip(s, t))
    return total

def of_size(*shapes): return torch.Size(from_the_right(*shapes))

@pytest.mark.parametrize('f', [from_the_right, two_at_a_time, of_size])
def test_another_rule_of_broadcasting_is_right(f):
    v = verdict('broadcast_shape', f)
    assert v, v.text

# wrong ways: of the book's text, with one place changed

LOOPS = [('+=', '='), ('a[i,l]*b[l,j]', 'a[i,l]+b[l,j]'), ('range(k)', 'range(k-1)'), ('range(k)', 'range(1, k)'),
    ('range(n)', 'range(n-1)'),
         ('range(m)', 'range(1, m)'), ('+=', '-='), ('b[l,j]', 'b[j,l]'), ('a[i,l]', 'a[l,i]'), ('c[i,j]', 'c[j,i]'),
         ('a.new_zeros(n, m)', 'torch.zeros(n, m)'),
         ('a.new_zeros(n, m)', 'a.new_zeros(n, m)+1'), ('return c', 'return c.t()'), ('return c', 'return'), ('return c', 'return a@b'),
         ('return c', 'return c/k'), ('c[i,j] += a[i,l]*b[l,j]', 'c[i,j] += (a[i]*b[:,j]).sum()/k'),
         ('return c', 'a *= 0; return c')]
BCAST = [('.sum(0)', '.sum(1)'), ('.sum(0)', '.mean(0)'), ('.sum(0)', ''), ('.sum(0)', '.sum()'), ('.sum(0)', '.sum(0, keepdim=True).t()'),
         ('a[i,:,None]*b', 'a[i,:,None]+b'), ('a[i,:,None]', 'a[i,None,:]'), ('a[i,:,None]', 'a[i]'), ('a[i,:,None]', 'a[:,i,None]'),
         ('c[i]', 'c[:,i]'),
         ('range(n)', 'range(1, n)'), ('a.new_zeros(n, m)', 'torch.zeros(n, m)'), ('.sum(0)', '.max(0).values'),
         ('return c', 'return c+0*a.mean()'),
         ('return c', 'b += 1; return c'), ('(a[i,:,None]*b).sum(0)', 'a[i]@b')]

@pytest.mark.parametrize('name,change', [('matmul_loops', o) for o in LOOPS] + [('matmul_bcast', o) for o in BCAST])
def test_a_wrong_product_is_found(name, change):
    if change==('return c', 'return c+0*a.mean()'): change = ('return c', 'return c+a.new_ones(())')
    v = verdict(name, as_a_readers(name, change))
    assert v.state=='wrong', change

SHAPES = [('range(-1, -1-', 'range(-1, -'), ("o[d]!=1", "o[d]==1"), ('not in (1,n)', '!=n'), ('not in (1,n)', 'not in (0,1,n)'),
    ('(n, *result)', '(*result, n)'),
          ("raise ValueError", "raise TypeError"), ('n = first[d]', 'n = max(o[d] for o in there)'),
          ('n = first[d]', 'n = min(o[d] for o in there)'),
          ('return result', 'return result[:1]'), ('return result', 'return result or (1,)'), ('return result', 'return len(result)'),
          ('map(len, shapes)', 'map(len, shapes[:1])')]

@pytest.mark.parametrize('name,f,text', [('matmul_dot', by_numbers, 'there are three loops'), ('matmul_bcast', by_items, 'each element is'),
                                         ('matmul_bcast', by_numbers, 'each element is')])
def test_a_product_in_smaller_steps_is_told(name, f, text):
    def careful(a, b):
        assert a.shape[1]==len(b)
        return f(a, b)
    assert verdict(name, careful).mistake.startswith(text)

def test_a_product_without_einsum_is_not_in_einsteins_notation():
    for f,name in ((lambda a, b: a@b, 'matmul'), (torch.mm, 'mm')):
        def careful(a, b):
            assert a.shape[1]==len(b)
            return f(a, b)
        assert f'it uses {name}' in verdict('matmul_einsum', careful).text
    for f in (all_at_once, columns_at_a_time, by_numbers):
        def careful(a, b):
            assert a.shape[1]==len(b)
            return f(a, b)
        assert 'without einsum' in verdict('matmul_einsum', careful).text

def a_list(*shapes): return list(from_the_right(*shapes))
def silent(*shapes):
    try: return from_the_right(*shapes)
    except ValueError: raise ValueError from None
def only_sizes(*shapes):
    try: return from_the_right(*shapes)
    except ValueError: raise ValueError(f'{shapes[0]} and {shapes[1]} do not fit') from None

@pytest.mark.parametrize('f,text', [(a_list, 'the result is a list'), (silent, 'the message of the error does not name the two shapes'),
                                    (only_sizes, 'the message of the error names the shapes, and not the dimension')])
def test_what_the_docstring_of_broadcast_shape_says_is_asked_for(f, text):
    assert verdict('broadcast_shape', f).mistake.startswith(text)

@pytest.mark.parametrize('change', SHAPES)
def test_a_wrong_rule_of_broadcasting_is_found(change):
    assert verdict('broadcast_shape', as_a_readers('broadcast_shape', change)).state=='wrong', change

def test_what_an_exercise_does_without_is_told():
    def by_torch(*shapes): return torch.broadcast_shapes(*shapes)
    def by_tensors(*shapes): return sum(torch.empty(o) for o in shapes).shape
    for f,what in ((by_torch, 'broadcast_shapes'), (by_tensors, 'add')): assert f'it uses {what}' in verdict('broadcast_shape', f).text
    assert 'it uses sum' in verdict('matmul_loops', lambda a, b: all_at_once(a, b)).text
    assert 'it uses matmul' in verdict('matmul_bcast', lambda a, b: a@b).text

def test_an_exception_that_is_returned_is_told():
    v = verdict('matmul_bcast', lambda a, b: (a[:,:,None]*b).sum(1) if a.shape[1]==len(b) else ValueError('they do not fit'))
    assert '`raise` it' in v.mistake, v.text

def test_a_product_that_is_wrong_without_rows_or_columns_is_told():
    def by_rows(a, b):
        assert a.shape[1]==len(b)
        return torch.stack([torch.stack([(row*column).sum() for column in b.t()]) for row in a])
    v = verdict('matmul_dot', by_rows)
    assert v.state=='wrong' and 'a tensor is empty' in v.mistake, v.text
