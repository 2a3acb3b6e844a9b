/* A canceller that stops for ever at any of its steps: its server and its client carry on. One call, its client asleep without a
   timeout, its server, one canceller with a deadline, a clock.
   Claim: once the server has completed, the client comes to its end; so it does once a deadline that it was told of is over. One
   pin is lost at most.
   Must fail:
     -DTAKEBIT  showing the request takes the client's waiting bit: dead before its wake, the canceller takes away the wake of the
                server's completion as well
     -DATONCE   a canceller with timeout 0 ends the call itself and dies before its wake. Nobody else wakes for that step: this
                is what "decide, then wake" costs, and what a host that kills threads must know */
#define PEND 0
#define COMP 1
#define CNLD 2
#define NEVER 9
byte phase = PEND, req = NEVER, now = 0, pins = 3;  /* client, server, canceller */
bool waitc = 0, token = 0, client_done = 0, server_done = 0, dead = 0;

/* anywhere in the canceller */
inline may_die() { if :: dead = 1; goto gone :: skip fi }
inline end_call(to) { atomic { won = (phase == PEND); wc = waitc; if :: won -> phase = to; waitc = 0 :: else fi } }

proctype Client() { byte d; bool won, wc;
  do
  :: atomic { if :: phase == PEND -> waitc = 1 :: else -> break fi };
     d = req;                          /* announced first, then the deadline is read */
     if
     :: d != NEVER && now >= d -> end_call(CNLD); break
     :: else ->
        if                             /* sleeps */
        :: token -> token = 0
        :: d != NEVER && now >= d -> skip
        fi
     fi
  od;
  client_done = 1;
  atomic { pins-- } }

proctype Server() { bool won, wc;
  end_call(COMP);
  if :: won && wc -> token = 1 :: else fi;
  server_done = 1;
  atomic { pins-- } }

proctype Canceller() { bool won, wc;
  may_die();
#ifdef ATONCE
  end_call(CNLD);
  may_die();
  if :: won && wc -> token = 1 :: else fi;
#else
  req = now + 1;
  may_die();
  atomic {                             /* the request shows: a read-modify-write of the state */
    wc = (phase == PEND && waitc);
#ifdef TAKEBIT
    if :: phase == PEND -> waitc = 0 :: else fi
#endif
  };
  may_die();
  if :: wc -> token = 1 :: else fi;
  may_die();
  if :: now >= req -> end_call(CNLD); may_die(); if :: won && wc -> token = 1 :: else fi
     :: phase != PEND -> skip          /* woken as the one who waits */
  fi;
#endif
  may_die();
  atomic { pins-- };
gone: skip }

proctype Clock() { do :: now < 3 -> now++ :: else -> break od }

init {
  atomic { run Client(); run Server(); run Canceller(); run Clock() };
  do
  :: timeout ->                        /* nothing else can run */
     assert(server_done);
     assert(client_done);
     assert(pins == (dead -> 1 : 0));
     break
  od }
