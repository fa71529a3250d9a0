"Mirrors, caches and processes that fail: the message says what came and what was wanted, the next call succeeds, nothing unverified is used."
import errno, gzip, os, socket, threading, time
from pathlib import Path
import pytest, torch
from conftest import go, start, wait_for
from fastfound import files as files_module
from fastfound.datasets import URLs, get_mnist, untar_data, write_idx
from fastfound.files import fastfound_home

pytestmark = pytest.mark.not_numerical

def litter(folder): return [o.name for o in Path(folder).rglob('*') if '.part' in o.name]
def cached(): return sorted(o.name for o in fastfound_home().glob('*ubyte*'))
def all_four(): return sorted(f'{o}.gz' for o in files_module.MNIST_FILES)

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
    (lambda p: p.write_bytes(b'<!DOCTYPE html>'), "t10k-images-idx3-ubyte: got 15 bytes that begin with b'<!DOCTYPE ht', wanted 15,696 bytes"),
    (lambda p: p.write_bytes(p.read_bytes()[:-9]), 'cut short'),
    (lambda p: write_idx(p, torch.zeros(20,28,28, dtype=torch.uint8)), 'got SHA-256 .* wanted .*: these are not the digits'),
    (lambda p: write_idx(p, torch.zeros(9,28,28, dtype=torch.uint8)), 'got 7,072 bytes that begin with'),
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

FAILS = {'hang_once': 'was silent for 0.5 s', 'reset': 'failed with', 'missing': 'answered 404', 'unavailable': 'answered 503',
         'page': r"got 42 bytes that begin with b'<!DOCTYPE ht', wanted [\d,]+ bytes", 'cut': r'sent [\d,]+ of [\d,]+ bytes', 'cut_unstated': 'cut short',
         'other': r'got 9 bytes that begin with .*, wanted [\d,]+ bytes', 'same_size': 'got SHA-256 .*, wanted', 'endless': 'sent more than [0-9,]+ bytes, too many', 'bomb': 'more than|sent more'}

@pytest.mark.parametrize('how', FAILS)
def test_bad_mirror(mirror, how, capsys, monkeypatch):
    "A bad mirror costs nothing but time: the next one is asked. If all are bad, all reasons are told, the sample serves, and nothing is kept"
    if how=='hang_once': monkeypatch.setattr(files_module, '_READ_TIMEOUT', 0.5)
    mirror(how)
    with pytest.raises(ConnectionError, match=f'no mirror sent train-images-idx3-ubyte: .*{FAILS[how]}'): get_mnist('full')
    assert len(mirror.asked)==(1 if how=='missing' else 2)  # what is gone is not asked for again
    assert get_mnist().source=='sample' and not cached() and not litter(fastfound_home().parent)
    said = capsys.readouterr().err
    assert said.count('\n')==1 and said.startswith('fastfound: using the sample of 5,000 digits')
    if how=='hang_once': monkeypatch.setattr(files_module, '_READ_TIMEOUT', 1.5)
    mirror(how, 'good')
    assert get_mnist('full').source=='full' and cached()==all_four()

def test_flaky_mirror(mirror):
    "A mirror that is busy is asked a second time"
    mirror('flaky')
    assert get_mnist('full').source=='full' and len(mirror.asked)==8

def test_too_slow(mirror, monkeypatch):
    mirror('slow')
    monkeypatch.setattr(files_module, '_TOTAL_TIMEOUT', 0.3)
    with pytest.raises(ConnectionError, match='bytes in 0.3 s'): get_mnist('full')

def test_no_network(files, monkeypatch, capsys):
    "No download is even tried when no host answers"
    monkeypatch.setattr(files_module, '_CONNECT_TIMEOUT', 3)
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))  # bound but not listening: refuses at once
        monkeypatch.setenv('FASTFOUND_MIRRORS', f'http://127.0.0.1:{s.getsockname()[1]}/ http://nowhere.invalid/')
        monkeypatch.setattr(files_module, '_download', lambda *args: pytest.fail('tried to download'))
        assert get_mnist().source=='sample'
        assert 'no network: none of 127.0.0.1' in capsys.readouterr().err
        with pytest.raises(ConnectionError, match='no network'): get_mnist('full')

def test_hanging_name_lookup(monkeypatch):
    over,over_after = threading.Event(),60
    monkeypatch.setattr(files_module, 'getproxies', dict)
    monkeypatch.setattr(files_module, '_connects', lambda *args: over.wait(over_after))
    start = time.monotonic()
    assert not files_module._online(['http://a', 'http://b'], timeout=0.2) and time.monotonic()-start<over_after
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
    assert "the file in the cache can't be used (" in capsys.readouterr().err
    get_mnist('full')
    assert len(mirror.asked)==5  # mended

def test_unknown_source():
    with pytest.raises(ValueError, match="got source 'web', wanted 'auto', 'full' or 'sample'"): get_mnist('web')

# Disks

def test_cache_cannot_be_written(mirror, monkeypatch, capsys):
    "The digits are used all the same, and the line says where they could not be kept"
    mirror('good')
    def refuse(*args, **kw): raise PermissionError(errno.EACCES, 'Permission denied', 'some temporary name')
    with monkeypatch.context() as m:
        m.setattr(files_module.tempfile, 'mkdtemp', refuse)
        assert get_mnist('full').source=='full'
        err = capsys.readouterr().err
        assert "can't keep train-images-idx3-ubyte in" in err and 'FASTFOUND_HOME names another folder' in err
        with pytest.raises(PermissionError): untar_data(URLs.MNIST_SAMPLE, 'sample')
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
    assert "No space left on device: got a full disk, wanted room" in capsys.readouterr().err
    assert not cached() and not litter(fastfound_home())
    get_mnist('full')
    assert cached()==all_four()

# Processes

@pytest.mark.long
def test_two_at_once(mirror, tmp_path):
    "Two processes that fetch the same files, from a slow mirror and then, into another cache, from a fast one"
    urls = mirror('slow', 'good')
    homes = [str(tmp_path/o) for o in ('slow', 'good')]
    both = [start(f'''
        import os
        for url,home in zip({urls}, {homes}):
            os.environ.update(FASTFOUND_MIRRORS=url, FASTFOUND_HOME=home)
            print(get_mnist('full').source)
        ''') for _ in range(2)]
    for p in both: go(p)
    for p in both:
        out,err = p.communicate()
        assert p.returncode==0 and out.split()==['full']*2, err
    for home in map(Path, homes): assert not litter(home) and sorted(o.name for o in home.glob('*ubyte*'))==all_four()

def test_killed_while_fetching(mirror, files):
    mirror('slow')
    p = start("get_mnist('full')")
    go(p)
    wait_for(lambda: len(mirror.asked)>=1)
    time.sleep(0.2)
    p.kill()
    p.communicate()
    assert not cached()
    mirror('good')
    assert get_mnist('full').source=='full' and cached()==all_four()
