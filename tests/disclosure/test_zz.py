import time
from tests.disclosure import stage as st, conftest
def wrap(cls, name):
    f=getattr(cls,name)
    def g(*a,**k):
        t=time.process_time(); w=time.time()
        try: return f(*a,**k)
        finally: print(f"{name} cpu {time.process_time()-t:.2f} wall {time.time()-w:.2f}", flush=True)
    setattr(cls,name,g)
for n in ("publish","watch","interrupted","play"): wrap(st.Stage,n)
for n in ("upload","consult","clock"): wrap(st.Office,n)
lk=conftest.look
def look(s):
    t=time.process_time()
    r=lk(s); print("look cpu", time.process_time()-t, len(r)); return r
conftest.look=look
orig=st.Stage._step
tot=[0.0]
def step(self,*a):
    t=time.process_time(); orig(self,*a); tot[0]+=time.process_time()-t
st.Stage._step=step
def test_x(played):
    print("steps", tot)
    print("all", time.process_time())
