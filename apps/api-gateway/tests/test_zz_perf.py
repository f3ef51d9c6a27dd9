import asyncio, time, json, sys, signal, psutil, aiohttp
from datetime import UTC, datetime
sys.path.insert(0, "/work/main/apps/api-gateway/tests")
from gateway_harness import *
async def test_perf(settings, world, tmp_path):
    n=10000
    t=time.time()
    for b in range(0,n,500): await asyncio.gather(*(world.put(f"e{b+i}") for i in range(500)))
    print("put", n, time.time()-t)
    env = {"SUMMIT_NATS_URL": settings.nats_url.get_secret_value(),"SUMMIT_DATABASE_URL": settings.database_url.get_secret_value(),
        "SUMMIT_SERVICE_KEY": SERVICE_KEY,"SUMMIT_SESSION_SECRET": "s"*40,"SUMMIT_ADMIN_KEY_FILE": str(tmp_path/"own.key"),
        "SUMMIT_PORT": str(settings.port),"SUMMIT_FABRIC_URL": "http://127.0.0.1:1","SUMMIT_INTELLIGENCE_URL": "http://127.0.0.1:1","SUMMIT_TASKING_URL": "http://127.0.0.1:1"}
    t=time.time()
    p = await asyncio.create_subprocess_exec(sys.executable,"-m","summit_gateway",env=env,stdout=asyncio.subprocess.PIPE)
    async with aiohttp.ClientSession() as http:
        g=Gateway(None,settings,f"http://127.0.0.1:{settings.port}",http)
        await until(g.is_ready)
        print("ready", time.time()-t, "rss", psutil.Process(p.pid).memory_full_info().pss/1e6)
        await until(lambda: asyncio.to_thread((tmp_path/"own.key").exists))
        g.admin_key=(tmp_path/"own.key").read_text().strip()
        cpu=psutil.Process(p.pid).cpu_times()
        t=time.time()
        async with http.ws_connect(g.url+"/v1/stream", headers=g.headers(), max_msg_size=0) as ws:
            k=0
            while True:
                m=await ws.receive(); k+=1
                if b'"snapshot-end"' in m.data.encode()[:30]: break
            print("snapshot", k, time.time()-t)
            # latency
            lat=[]
            for i in range(200):
                t=time.time(); s=await world.put("lat", lat=30+i/1000); t1=time.time()
                while True:
                    f=json.loads((await ws.receive()).data)
                    if f.get("seq")==s and f["op"]=="upsert": break
                lat.append(time.time()-t)
            lat.sort(); print("put->frame p50 %.1f p99 %.1f ms"%(lat[100]*1e3,lat[198]*1e3))
        NOW=datetime.now(UTC).isoformat()
        batch=[{"kind":"position","source":"cam-1","observed_at":NOW,"lat":36.5,"lon":-84.2,"seq":i} for i in range(5000)]
        t=time.time(); s,o=await g.post("/v1/observations",batch); print("post 5000", s, o["accepted"], time.time()-t)
        t=time.time(); s,o=await g.get("/v1/entities?limit=1000"); print("list 1000", time.time()-t)
        t=time.time(); s,o=await g.get("/v1/entities?limit=1000&kind=asset&freshness=stale"); print("filtered", time.time()-t)
        t=time.time(); s,o=await g.get("/v1/entities?limit=1000&kind=asset&freshness=stale"); print("filtered2", time.time()-t)
        # chunked too large
        async def gen():
            for _ in range(20): yield b"x"*1000000
        try:
            async with http.post(g.url+"/v1/observations", data=gen(), headers=g.headers()|{"Content-Type":"application/json"}) as r: print("chunked", r.status)
        except aiohttp.ClientError as e: print("chunked", type(e), e)
        print("rss", psutil.Process(p.pid).memory_full_info().pss/1e6)
        # 50 clients fan-out
        async def cl(n):
            async with http.ws_connect(g.url+"/v1/stream?types=alerts", headers=g.headers()) as ws:
                while True: await ws.receive()
        # slow client: never reads
        ws=await http.ws_connect(g.url+"/v1/stream", headers=g.headers())
        sse=await http.get(g.url+"/v1/stream", headers=g.headers()|{"Accept":"text/event-stream"})
        await asyncio.sleep(0.5)
        t=time.time(); p.send_signal(signal.SIGTERM)
        out,_=await asyncio.wait_for(p.communicate(), 30)
        print("stopped in", time.time()-t, p.returncode); print(out.decode()[-1500:])
        assert 1
