import pytest, time
from tests.disclosure.conftest import *
def test_x(played):
    o=played.seen["ours"]
    print({r:len(v) for r,v in o.leaves.items()}, {r:len(v) for r,v in o.above.items()})
    print(list(o.leaves[1].items())[:2])
    for n,s in played.seen.items(): print(n, s.door.asked)
