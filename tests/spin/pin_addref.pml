/* Foreign custom-object AddRef without locks: "pin the cell, revalidate, AddRef, unpin".
   A: owner thread, registers/unregisters two objects in turn, cells recycled.
   B,C: foreign getters. Two cells; cell word = {live, custom, refs, gen(1 bit)} changed only by atomic CAS.
   Must fail:
     -DNOREVAL  skips the re-read of top after the pin and trusts the 1-bit generation: ABA
     -DNOPIN    naive: read top, AddRef: use after free
   Must pass, for the record:
     -DNOLIVE   pins also succeed on a claimed, not yet published cell: the re-read of top catches them, so
                safety does not rest on LIVE                                                                     */
#ifdef NOLIVE
#define LIVECHK
#else
#define LIVECHK && live[c]
#endif
#define NC 2
#define NO 3
#ifndef NB
#define NB 2
#endif
#define NONE 255
byte top = NONE;            /* innermost cell index of thread A */
bool topg = 0;              /* generation beside it, same word   */
byte refs[NC];              /* pins, owner's included */
bool gen[NC];
byte obj[NC];               /* written while claimed, constant while refs>0 */
byte rc[NO];                /* foreign object's COM count; creator holds 1 */
bool dead[NO];
byte destroyed[NO];
byte regd = NONE;           /* ghost: which object is really registered now */
byte got = 0;
bool live[NC];              /* published bit, part of the word */

inline obj_addref(o)  { atomic { assert(!dead[o]); rc[o]++ } }
inline obj_release(o) { atomic { assert(!dead[o] && rc[o] > 0); rc[o]--; if :: rc[o]==0 -> dead[o]=1; destroyed[o]++; assert(destroyed[o]==1) :: else fi } }

/* drop one pin; the last one takes the object out and Releases AFTER the cell is vacant */
inline unpin(c) {
  atomic { /* read of obj precedes the CAS to 0; it is constant while we hold a pin */
    lo = obj[c];
    refs[c]--; if :: refs[c]==0 -> gen[c] = !gen[c]; live[c]=0; last = 1 :: else -> last = 0 fi }
  if :: last -> obj_release(lo) :: else fi
}

proctype A() {
  byte o, c, lo; bool last;
  o = 0;
  do
  :: o < NO ->
     /* register: QI gives us one reference, kept */
     obj_addref(o);
     if :: atomic { refs[0]==0 -> refs[0]=1; c = 0 }      /* claim = CAS vacant -> claimed(1) */
        :: atomic { NC>1 && refs[NC-1]==0 -> refs[NC-1]=1; c = NC-1 }
     fi;
     obj[c] = o;
     live[c]=1; atomic { top = c; topg = gen[c]; regd = o };    /* publish (release) */
     obj_release(o);                                  /* the client's own reference goes early: worst case */
     /* unregister */
     atomic { top = NONE; regd = NONE };
     unpin(c);
     o++
  :: else -> break
  od
}

proctype B() {
  byte c, o, lo, n; bool g, ok, last; byte reg_at_read;
  n = 0;
  do
  :: n < 2 ->
     n++;
     atomic { c = top; g = topg; reg_at_read = regd };
     if :: c == NONE -> skip
        :: else ->
#ifdef NOPIN
          o = obj[c]; obj_addref(o); obj_release(o)
#else
          /* pin: one CAS on the cell word: refs>0 and generation equal */
          atomic { if :: refs[c] > 0 && gen[c] == g LIVECHK -> refs[c]++; ok = 1 :: else -> ok = 0 fi };
          if :: !ok -> skip            /* it ended: retry or answer */
             :: else ->
#ifndef NOREVAL
               atomic { ok = (top == c && topg == g) };
#endif
               if :: !ok -> skip
                  :: else ->
                    o = obj[c];
                    obj_addref(o);
#ifdef NOREVAL
                    /* without revalidation only "it was registered at or after our read" can be claimed */
                    assert(o == reg_at_read);
#endif
                    got++
               fi;
               unpin(c);
               if :: ok -> assert(!dead[o]); obj_release(o) :: else fi
          fi
#endif
     fi
  :: else -> break
  od
}

init {
  byte i = 0;
  do :: i < NO -> rc[i] = 1; i++ :: else -> break od;
  i = 0;
  atomic { run A(); do :: i < NB -> run B(); i++ :: else -> break od };
  (_nr_pr == 1);
  assert(refs[0]==0 && refs[NC-1]==0 && top==NONE);
  i = 0;
  do :: i < NO -> assert(destroyed[i]==1 && rc[i]==0); i++ :: else -> break od
}
