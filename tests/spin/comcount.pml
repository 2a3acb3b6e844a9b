/* COM references share one pin: the reference that takes the count from 0 to 1 brings its pin, the one that takes it from 1 to 0
   drops one. Pins are all alike, so a 0 to 1 may overtake the unpin of an earlier 1 to 0.
   Threads take and drop references to one call while its client and its server let go of it: some look it up and are handed an
   object that is counted, some call AddRef on the served call's context, which has no references of its own at first.
   Claim: who holds a reference finds the slot kept; nobody drops a pin that is not there; in the end nothing is kept.
   Must fail:
     -DKEEPPIN    a reference that finds others keeps its pin as well: the slot is never given back
     -DUNPINFIRST the pin of the look-up is dropped before the reference is counted
     -DEACHUNPINS every Release drops a pin, not only the last
     -DCOUNTFIRST AddRef on a context without references counts first and pins then: another counts on a pin that is not there */
#define N 2
#define B 2
byte pins = 2, refs = 0;    /* the client's and the server's pin */
bool vacant = 0;
byte holders = 0;           /* ghost: who was handed the object and has not released it */

inline unpin() { atomic { assert(pins > 0); pins--; if :: pins == 0 -> vacant = 1; assert(holders == 0) :: else fi } }

proctype Other() { byte n = 0; byte before; bool ok;
  do
  :: n < 2 -> n++;
     /* a look-up: a pin succeeds on a published slot only */
     atomic { ok = !vacant; if :: ok -> pins++ :: else fi };
     if
     :: ok ->
#ifdef UNPINFIRST
        unpin();
        atomic { before = refs; refs++; holders++ };
        if :: before == 0 -> atomic { pins++ } :: else fi;
#else
        atomic { before = refs; refs++; holders++ };
#ifndef KEEPPIN
        if :: before != 0 -> unpin() :: else fi;
#endif
#endif
        assert(!vacant);
        atomic { before = refs; refs--; holders-- };
#ifdef EACHUNPINS
        unpin()
#else
        if :: before == 1 -> unpin() :: else fi
#endif
     :: else
     fi
  :: else -> break
  od }
byte counted = 0;           /* ghost: AddRefs of contexts that have returned */
proctype Borrower() { byte before;
#ifdef COUNTFIRST
  atomic { before = refs; refs++ };
  if :: before == 0 -> atomic { assert(!vacant); pins++ } :: else fi;
#else
  atomic { before = refs; if :: before != 0 -> refs++ :: else fi };
  if
  :: before == 0 ->
     atomic { assert(!vacant); pins++ };
     atomic { before = refs; refs++ };
     if :: before != 0 -> unpin() :: else fi
  :: else
  fi;
#endif
  atomic { holders++; counted++ };
  /* who has counted its reference lends it to the other for the time of its AddRef */
  (counted == B);
  assert(!vacant);
  atomic { before = refs; refs--; holders-- };
  if :: before == 1 -> unpin() :: else fi
}
proctype Client() { unpin() }
/* It serves until one of the references is counted: then that keeps the slot. */
proctype Server() { (counted > 0); unpin() }
init {
  byte i = 0;
  atomic { run Client(); run Server(); do :: i < N -> run Other(); i++ :: else -> break od;
           i = 0; do :: i < B -> run Borrower(); i++ :: else -> break od };
  (_nr_pr == 1);
  assert(vacant && pins == 0 && refs == 0)
}
