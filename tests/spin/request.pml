/* One call: client (blocking), server, NK cancellers, clock. Two words:
     st  = phase + WAITC + WAITK + REQHINT  (each change one atomic RMW)
     req = NONE | deadline                  (CAS NONE->deadline decides THE canceller: "deadline first")
   Must fail:
     -DPHASEFIRST       the canceller moves the phase to canceling first and writes the deadline afterwards: fires early
     -DNOHINT -DNOWAIT  a never-waiting canceller wakes the client only on a WAITC that it read before it set the request
                        (what a plain load after the request may amount to): the client sleeps past its deadline
     -DSTALEWAKE        the client frees its wake context as soon as its wait returns: a waker uses it afterwards
   Must pass:
     default            the context is retired by the last pin
     -DNOWAIT           never-waiting cancellers (interrupt handlers): only the client enforces the deadline
     -DNOHINT           with a waiting canceller, who enforces the deadline itself and so covers for the lost wake   */
#define PEND 0
#define CANC 1   /* only PHASEFIRST */
#define COMP 2
#define CNLD 3
#define INF 9
#define NOREQ 8
#ifndef NK
#define NK 2
#endif
byte phase = PEND; bool waitc=0, waitk=0, hint=0;
#ifdef PHASEFIRST
byte req = 0;                   /* whatever the slot's last call left there */
#define ARMED (p==CANC)
#else
byte req = NOREQ;
#define ARMED (d!=NOREQ)
#endif
byte now = 0;
bool tokC=0, tokK[NK];          /* latched wake tokens */
byte kctx = 255;                /* which canceller waits: written by the winner before WAITK */
byte pins = 2;                  /* client + server (+ cancellers, given at start for simplicity) */
bool ctx_alive = 1;
byte disposed = 0, winners = 0, sok = 0; byte armed_at = 0, armed_n = 0; bool server_done=0, client_done=0;

inline wake_c() { assert(ctx_alive); tokC = 1 }
inline retire() {
#ifdef STALEWAKE
  skip
#else
  if :: pins == 0 -> ctx_alive = 0 :: else fi
#endif
}
/* step PEND -> CNLD when due; caller holds a pin */
inline step(won) {
  atomic { if :: phase==PEND || phase==CANC -> assert(now >= armed_at + armed_n); phase = CNLD; won=1; wc=waitc; wk=waitk :: else -> won=0 fi };
  if :: won -> if :: wc -> wake_c() :: else fi; if :: wk -> tokK[kctx]=1 :: else fi :: else fi
}
proctype Server() { bool won, wc, wk;
  if :: skip -> /* replies */
     atomic { if :: phase==PEND || phase==CANC -> phase=COMP; won=1; wc=waitc; wk=waitk :: else -> assert(phase==CNLD); won=0 fi };
     if :: won -> if :: wc -> wake_c() :: else fi; if :: wk -> tokK[kctx]=1 :: else fi
        :: else -> disposed++      /* orphaned: server side disposes of the record */
     fi;
     server_done = 1
  :: skip      /* stuck for ever (pin stays) */
  fi;
  if :: server_done -> atomic { pins--; retire() } :: else fi
}
proctype Client() { byte d; bool won, wc, wk; byte p;
  do
  :: atomic { waitc = 1; p = phase };           /* fetch_or, the old value is the re-read */
     if :: p==COMP || p==CNLD -> break :: else fi;
     d = req;
     if :: ARMED && d!=INF && now >= d -> step(won)
        :: else ->
           if :: tokC -> tokC=0
              :: (ARMED && d!=INF && now>=d) -> skip
           fi
     fi
  od;
  if :: p==COMP -> disposed++    /* client owns the reply */
     :: else -> skip             /* canceled: must not look at the record */
  fi;
  client_done=1;
#ifdef STALEWAKE
  ctx_alive = 0;                 /* CloseHandle / free / task deleted */
#endif
  atomic { pins--; retire() }
}
proctype K(byte me) { byte n, p, d; bool won=0, w2, wc, wk, first; byte ret=0; /* 1 S_OK 2 CANCELED 3 COMPLETE */
  atomic { pins++ };
  if :: n=0 :: n=1 :: n=INF fi;
  if :: phase==COMP -> ret=3 :: phase==CNLD -> ret=2 :: else ->
#ifdef PHASEFIRST
    atomic { if :: phase==PEND -> phase=CANC; first=1; armed_at=now; armed_n=n; winners++ :: else -> first=0 fi };
    if :: !first -> if :: phase==COMP -> ret=3 :: else -> ret=2 fi
       :: else -> d = (n==INF -> INF : now+n); req = d; wc = waitc
    fi;
#else
#ifdef NOHINT
    wc = waitc;
#endif
    /* deadline computed before the CAS: "now" may advance meanwhile: only later, never earlier than asked? the CAS retries the clock */
    atomic { if :: req==NOREQ -> req = (n==INF -> INF : now+n); first=1; armed_at=now; armed_n=(n==INF -> 99 : n); winners++ :: else -> first=0 fi };
    if :: !first -> if :: phase==COMP -> ret=3 :: else -> ret=2 fi
       :: else ->
#ifndef NOHINT
          atomic { hint=1; wc=waitc }     /* fetch_or on the state word: pairs with the client's fetch_or(WAITC) */
#endif
    fi;
#endif
    if :: ret==0 ->
       if :: wc -> wake_c() :: else fi;          /* client must recompute its timeout */
#ifdef NOWAIT                             /* interrupt / never-waiting form: arm, wake, go */
       ret = 1;
#else
       kctx = me; d = req;
       do
       :: atomic { waitk=1; p=phase };
          if :: p==COMP -> ret=3; break :: p==CNLD -> ret=1; break :: else fi;
          if :: d!=INF && now>=d -> step(w2)
             :: else -> if :: tokK[me] -> tokK[me]=0 :: (d!=INF && now>=d) -> skip fi
          fi
       od
#endif
       :: else fi
  fi;
  if :: ret==1 -> sok++ :: else fi;
  assert(ret!=0); assert(sok<=1 && winners<=1);
  atomic { pins--; retire() }
}
proctype Clock() { do :: now<2 -> now++ :: else -> break od }
init { atomic { run Clock(); run Client(); run Server(); byte i=0; do :: i<NK -> run K(i); i++ :: else -> break od };
  /* liveness as safety: at quiescence nobody sleeps on a finished call. timeout = nothing else can run */
  do
  :: timeout ->
     if :: (phase==COMP || phase==CNLD || (req!=NOREQ && req!=INF && now>=req)) -> assert(client_done) :: else fi;
     if :: server_done && client_done -> assert(disposed==1) :: else fi;
     assert(disposed<=1);
     break
  od }
