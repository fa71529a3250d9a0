"Files, mirrors, disks and processes that fail: the message says what came and what was wanted, the next call succeeds, nothing half-made is used."
import errno, gzip, os, socket, subprocess, sys, textwrap, threading, time
from pathlib import Path
import pytest, torch
from hypothesis import given, strategies as st
from fastfound import datasets
from fastfound.datasets import URLs, fastfound_home, get_mnist, parse_idx, read_idx, untar_data, write_idx

def litter(folder): return [o.name for o in Path(folder).rglob('*') if '.part' in o.name]
def cached(): return sorted(o.name for o in fastfound_home().glob('*ubyte*'))
def all_four(): return sorted(f'{o}.gz' for o in datasets.FILES)

# Files

def test_idx_cut_anywhere(tmp_path):
    write_idx(tmp_path/'t', torch.arange(24, dtype=torch.int32).view(2,3,4))
    whole = (tmp_path/'t').read_bytes()
    for n in range(len(whole)):
        with pytest.raises(ValueError, match=r'got .*, wanted .*'): parse_idx(whole[:n])
    with pytest.raises(ValueError, match='got 113 bytes, wanted 112 for a tensor of shape'): parse_idx(whole+b'\0')
    assert torch.equal(parse_idx(whole), torch.arange(24, dtype=torch.int32).view(2,3,4))

@pytest.mark.parametrize('head, message', [
    (b'\0\1\x08\x01\0\0\0\0', 'wanted an IDX magic number'), (b'\x08\0\0\x01\0\0\0\0', 'wanted an IDX magic number'),
    (b'\0\0\x0a\x01\0\0\0\0', 'got type code 0x0a, wanted one of 0x08, 0x09'), (b'\0\0\x08\x03\0\0\0\1', 'got 8 bytes, wanted at least the 16'),
    (b'\0\0\x08\x01\0\0\0\5abc', r'got 11 bytes, wanted 13 for a tensor of shape \(5,\)'),
    (b'\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff', 'got 12 bytes, wanted 18,446,744,065,119,617,037')])
def test_idx_wrong_header(head, message):
    with pytest.raises(ValueError, match=message): parse_idx(head)

@given(st.binary(max_size=64))
def test_idx_any_bytes(data):
    "Whatever comes, it is a tensor that accounts for every byte or a ValueError"
    try: t = parse_idx(data)
    except ValueError: return
    assert len(data)==4+4*t.ndim+t.numel()*t.element_size()

@given(st.lists(st.integers(0, 5), max_size=4), st.sampled_from([torch.uint8, torch.int8, torch.int16, torch.int32, torch.float32, torch.float64]))
def test_idx_round_trip(tmp_path_factory, shape, dtype):
    path,t = tmp_path_factory.mktemp('t')/'t.gz', (torch.randn(shape)*99).to(dtype)
    write_idx(path, t)
    back = read_idx(path)
    assert back.dtype==t.dtype and torch.equal(back, t)

def test_gzip_cut_or_damaged(tmp_path):
    path = tmp_path/'t.gz'
    write_idx(path, torch.arange(200, dtype=torch.uint8).view(10,20))
    whole = path.read_bytes()
    for n in range(2, len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match='cut short|damaged'): read_idx(path)
    for i in range(len(whole)-8, len(whole)):  # the sum and the length at the end
        path.write_bytes(whole[:i] + bytes([whole[i]^1]) + whole[i+1:])
        with pytest.raises(ValueError, match='damaged'): read_idx(path)

# A folder that the user names

@pytest.fixture
def named(files, monkeypatch):
    monkeypatch.setenv('FASTFOUND_DATA', str(files))
    return files

def test_named_folder(named):
    mnist = get_mnist()
    assert (mnist.source, tuple(mnist.x_train.shape), mnist.y_test.dtype) == ('full', (60,28,28), torch.int64)
    for o in named.glob('*.gz'):  # plain files do as well
        o.with_suffix('').write_bytes(gzip.decompress(o.read_bytes()))
        o.unlink()
    assert torch.equal(get_mnist('full').x_train, mnist.x_train)

@pytest.mark.parametrize('source', ['auto', 'full'])
@pytest.mark.parametrize('spoil, message', [
    (lambda p: p.unlink(), 'has neither t10k-images-idx3-ubyte nor t10k-images-idx3-ubyte.gz; wanted all four'),
    (lambda p: p.write_bytes(b'<!DOCTYPE html>'), "t10k-images-idx3-ubyte: got bytes that begin b'<!DOCTYPE ht'"),
    (lambda p: p.write_bytes(p.read_bytes()[:-9]), 'cut short'),
    (lambda p: write_idx(p, torch.zeros(20,28,28, dtype=torch.uint8)), 'got SHA-256 .* wanted .*: these are not the digits'),
    (lambda p: write_idx(p, torch.zeros(9,28,28, dtype=torch.uint8)), 'got SHA-256'),
    (lambda p: write_idx(p, torch.zeros(20,28,28, dtype=torch.int16)), 'more than 15,696 bytes')])
def test_named_folder_spoilt(named, spoil, message, source):
    "What the user asked for is used or refused, never replaced by something else"
    spoil(named/'t10k-images-idx3-ubyte.gz')
    with pytest.raises((ValueError, FileNotFoundError), match=message): get_mnist(source)

# Mirrors

def test_fetch_and_cache(mirror, capsys):
    mirror('good')
    assert get_mnist().source=='full'
    assert cached()==all_four() and len(mirror.asked)==4 and not litter(fastfound_home())
    assert get_mnist('full').source=='full'
    assert len(mirror.asked)==4  # from the cache
    assert capsys.readouterr()==('', '')

FAILS = {'hang': 'was silent for 0.5 s', 'reset': 'failed with', 'missing': 'answered 404', 'unavailable': 'answered 503',
         'page': "got bytes that begin b'<!DOCTYPE ht', wanted an IDX magic number", 'cut': r'sent [\d,]+ of [\d,]+ bytes', 'cut_unstated': 'cut short',
         'other': 'got SHA-256 .*, wanted', 'endless': 'sent more than [0-9,]+ bytes, too many', 'bomb': 'more than|sent more'}

@pytest.mark.parametrize('how', FAILS)
def test_bad_mirror(mirror, how, capsys):
    "A bad mirror costs nothing but time: the next one is asked. If all are bad, all reasons are told, the sample serves, and nothing is kept"
    mirror(how)
    with pytest.raises(ConnectionError, match=f'no mirror sent train-images-idx3-ubyte: .*{FAILS[how]}'): get_mnist('full')
    assert len(mirror.asked)==(1 if how=='missing' else 2)  # what is gone is not asked for again
    assert get_mnist().source=='sample' and not cached() and not litter(fastfound_home().parent)
    said = capsys.readouterr().err
    assert said.count('\n')==1 and said.startswith('fastfound: using the sample of 5,000 digits')
    mirror(how, 'good')
    assert get_mnist('full').source=='full' and cached()==all_four()

def test_flaky_mirror(mirror):
    "A mirror that is busy is asked a second time"
    mirror('flaky')
    assert get_mnist('full').source=='full' and len(mirror.asked)==8

def test_too_slow(mirror, monkeypatch):
    mirror('slow')
    monkeypatch.setattr(datasets, '_PATIENCE', 0.3)
    with pytest.raises(ConnectionError, match='bytes in 0.3 s'): get_mnist('full')

def test_no_network(files, monkeypatch, capsys):
    "No download is even tried when no host answers"
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))  # bound but not listening: refuses at once
        monkeypatch.setenv('FASTFOUND_MIRRORS', f'http://127.0.0.1:{s.getsockname()[1]}/ http://nowhere.invalid/')
        monkeypatch.setattr(datasets, '_download', lambda *args: pytest.fail('tried to download'))
        assert get_mnist().source=='sample'
        assert 'no network: none of 127.0.0.1' in capsys.readouterr().err
        with pytest.raises(ConnectionError, match='no network'): get_mnist('full')

def test_hanging_name_lookup(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(datasets, 'getproxies', dict)
    monkeypatch.setattr(datasets, '_answers', lambda *args: over.wait(20))
    start = time.monotonic()
    assert not datasets._online(['http://a', 'http://b'], timeout=0.2) and time.monotonic()-start<10
    over.set()

def test_offline(mirror, monkeypatch, capsys):
    mirror('good')
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    monkeypatch.setattr(socket, 'create_connection', lambda *args, **kw: pytest.fail('touched the network'))
    assert get_mnist().source=='sample'
    assert 'FASTFOUND_OFFLINE is set' in capsys.readouterr().err
    with pytest.raises(ConnectionError, match='FASTFOUND_OFFLINE is set'): get_mnist('full')
    monkeypatch.undo()

def test_offline_uses_cache(mirror, monkeypatch):
    mirror('good')
    get_mnist('full')
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    assert get_mnist().source=='full'

def test_sample_needs_nothing(mirror):
    assert get_mnist('sample').source=='sample' and not mirror.asked and not fastfound_home().exists()

def test_damaged_cache(mirror, capsys):
    mirror('good')
    get_mnist()
    victim = fastfound_home()/'train-labels-idx1-ubyte.gz'
    victim.write_bytes(victim.read_bytes()[:-3])
    assert get_mnist('full').source=='full' and len(mirror.asked)==5
    assert 'the cache is of no use' in capsys.readouterr().err
    get_mnist('full')
    assert len(mirror.asked)==5  # mended

def test_unknown_source():
    with pytest.raises(ValueError, match="got source 'web', wanted 'auto', 'full' or 'sample'"): get_mnist('web')

# Disks

def test_cache_cannot_be_written(mirror, monkeypatch, tmp_path, capsys):
    "The digits are used all the same, and the line says where they could not be kept"
    mirror('good')
    (tmp_path/'a_file').write_text('not a folder')
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path/'a_file'))
    assert get_mnist('full').source=='full'
    err = capsys.readouterr().err
    assert "can't keep train-images-idx3-ubyte in" in err and 'FASTFOUND_HOME names another folder' in err
    with pytest.raises(OSError): untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert (tmp_path/'a_file').read_text()=='not a folder'
    monkeypatch.setenv('FASTFOUND_HOME', str(tmp_path/'home'))
    get_mnist('full')
    assert cached()==all_four()

def full_disk(write):
    "`write`, on a disk that fills up in the middle of it"
    def f(self, data):
        write(self, data[:len(data)//2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self))
    return f

def test_full_disk_when_caching(mirror, monkeypatch, capsys):
    mirror('good')
    with monkeypatch.context() as m:
        m.setattr(Path, 'write_bytes', full_disk(Path.write_bytes))
        assert get_mnist('full').source=='full'
    assert 'No space left on device' in capsys.readouterr().err
    assert not cached() and not litter(fastfound_home())
    get_mnist('full')
    assert cached()==all_four()

def test_full_disk_when_making_folders(files, monkeypatch):
    saved = []
    def save(self, path):
        saved.append(path)
        path.write_bytes(b'half a picture')
        if len(saved)==50: raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    with monkeypatch.context() as m:
        m.setattr(datasets.Image.Image, 'save', save)
        with pytest.raises(OSError, match='No space left'): untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert not list((fastfound_home()/'sample').iterdir())
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))

# Folders of pictures

def whole_sample(path):
    "Whether the folder has the 3s and 7s of the sample, each picture as it should be"
    mnist,n = get_mnist('sample'),0
    for split,x,y in (('train', mnist.x_train, mnist.y_train), ('valid', mnist.x_test, mnist.y_test)):
        for digit in (3,7):
            rows = sorted(int(o.stem) for o in (path/split/str(digit)).iterdir())
            assert rows==(y==digit).nonzero().flatten().tolist()
            picture = torch.from_numpy(datasets.np.array(datasets.Image.open(path/split/str(digit)/f'{rows[5]}.png')))
            assert torch.equal(picture, x[rows[5]])
            n += len(rows)
    return len((path/'labels.csv').read_text().splitlines())==n+1==1001

def test_folders(files, monkeypatch):
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert path==fastfound_home()/'sample'/'mnist_sample' and whole_sample(path)
    monkeypatch.setattr(datasets, '_make_folder', lambda *args: pytest.fail('made a second time'))
    assert untar_data(URLs.MNIST_SAMPLE, 'sample')==path

def test_all_ten_folders(files):
    path = untar_data(URLs.MNIST, 'sample')
    assert {len(list((path/'training'/str(d)).iterdir())) for d in range(10)}=={400}
    assert {len(list((path/'testing'/str(d)).iterdir())) for d in range(10)}=={100}

def test_folders_of_full_set_need_no_data_again(mirror, monkeypatch):
    mirror('good')
    path = untar_data(URLs.MNIST)
    assert path.parent.name=='full' and len(list(path.rglob('*.png')))==80
    for o in cached(): (fastfound_home()/o).unlink()
    assert untar_data(URLs.MNIST)==path and len(mirror.asked)==4

def test_damaged_folder(files, capsys):
    "A picture is gone: the folder is made anew, and nothing that was in it is lost"
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    (path/'notes.txt').write_text('mine')
    assert untar_data(URLs.MNIST_SAMPLE, 'sample')==path and (path/'notes.txt').exists()  # an extra file is no damage
    next((path/'train'/'7').iterdir()).unlink()
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))
    aside, = path.parent.glob('mnist_sample.damaged-*')
    assert (aside/'notes.txt').read_text()=='mine' and 'made anew' in capsys.readouterr().err

def test_unknown_url():
    with pytest.raises(ValueError, match="got 'cifar', wanted URLs.MNIST_SAMPLE or URLs.MNIST"): untar_data('cifar')

def test_old_litter_is_removed(files):
    "What a killed process left behind goes after a day, not before"
    home = fastfound_home()/'sample'
    for name,age in (('.mnist_sample.00000000.part', 2), ('.mnist_sample.11111111.part', 0)):
        (home/name).mkdir(parents=True)
        os.utime(home/name, (time.time()-age*86400,)*2)
    untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert litter(home)==['.mnist_sample.11111111.part']

# Processes: each starts from a script that first lets the small files count as published

def start(files, code):
    script = textwrap.dedent('''
        import sys, pathlib
        sys.path.insert(0, {tests!r})
        from fastfound import datasets
        from conftest import published
        import tempfile
        with tempfile.TemporaryDirectory() as d: datasets.FILES = published(pathlib.Path(d))
        datasets.getproxies = dict
        print('ready', flush=True)
        sys.stdin.readline()
        ''').format(tests=str(Path(__file__).parent)) + textwrap.dedent(code)
    p = subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline()=='ready\n'
    return p

def go(p): p.stdin.write('\n'); p.stdin.flush()

def wait_for(what, seconds=30):
    end = time.monotonic()+seconds
    while not what():
        assert time.monotonic()<end, 'waited too long'
        time.sleep(0.01)

@pytest.mark.parametrize('code, how', [("print(datasets.get_mnist('full').source)", 'good'), ("print(datasets.get_mnist('full').source)", 'slow'),
                                       ("print(datasets.untar_data(datasets.URLs.MNIST_SAMPLE, 'sample').parent.name)", 'good')])
def test_two_at_once(mirror, files, code, how):
    mirror(how)
    both = [start(files, code) for _ in range(2)]
    for p in both: go(p)
    for p in both:
        out,err = p.communicate(timeout=60)
        assert p.returncode==0 and out.strip() in ('full', 'sample'), err
    assert not litter(fastfound_home())
    if 'untar' in code: assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))
    else: assert cached()==all_four() and get_mnist('full').source=='full'

def test_killed_while_fetching(mirror, files):
    mirror('slow')
    p = start(files, "datasets.get_mnist('full')")
    go(p)
    wait_for(lambda: len(mirror.asked)>=1)
    time.sleep(0.2)
    p.kill()
    p.communicate()
    assert not cached()
    mirror('good')
    assert get_mnist('full').source=='full' and cached()==all_four()

def test_killed_while_making_folders(files):
    p = start(files, '''
        save = datasets.Image.Image.save
        def slow_save(*args, **kw):
            import time; time.sleep(0.005)
            return save(*args, **kw)
        datasets.Image.Image.save = slow_save
        datasets.untar_data(datasets.URLs.MNIST_SAMPLE, 'sample')''')
    go(p)
    wait_for(lambda: any(fastfound_home().rglob('*.png')))
    p.kill()
    p.communicate()
    home = fastfound_home()/'sample'
    assert litter(home) and not (home/'mnist_sample').exists()
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))
