import asyncio, json, os, signal, subprocess, sys, time
sys.path.insert(0,"/work/main/apps/fabric/tests")
from fabric_harness import *
async def test_kill9(nats_url, database_url, free=None):
    import socket
    with socket.socket() as p: p.bind(("127.0.0.1",0)); port=p.getsockname()[1]
    env=os.environ|{"SUMMIT_NATS_URL":nats_url,"SUMMIT_DATABASE_URL":database_url,"SUMMIT_SERVICE_KEY":SERVICE_KEY,"SUMMIT_PORT":str(port)}
    start=lambda: subprocess.Popen([sys.executable,"-m","summit_fabric"],env=env,stdout=open("/tmp/kill9.log","ab"),stderr=subprocess.STDOUT)
    proc=start()
    bus=await Bus.connect(nats_url,name="t"); await bus.ensure_streams()
    async with aiohttp.ClientSession() as http:
        f=Fabric(f"http://127.0.0.1:{port}",http,bus)
        async def ready():
            try: return not await f.problems()
            except aiohttp.ClientError: return False
        await eventually(ready,20)
        print("RSS", [l for l in open(f"/proc/{proc.pid}/status") if "VmRSS" in l])
        sent=0
        for round in range(4):
            for k in range(20):
                await bus.publish_many([("observations.measurement", json.dumps(good("k9",seq=sent+j)).encode(),None) for j in range(50)]); sent+=50
                if k==10: proc.kill(); proc.wait(); proc=start()
            
        t=time.perf_counter()
        async def done():
            try: return (await f.count("k9"))>=sent
            except aiohttp.ClientError: return False
        await eventually(done,60); print("caught up", time.perf_counter()-t)
        a=await f.account("k9"); print(sent, a)
        assert a["stored"]==sent and a["gaps"]==0
        proc.send_signal(signal.SIGTERM); t=time.perf_counter(); proc.wait(); print("stopped in", time.perf_counter()-t, proc.returncode)
    await bus.close()
