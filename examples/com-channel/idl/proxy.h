/* What widl's code for the proxy takes for granted. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define USE_STUBLESS_PROXY
#define ENTRY_PREFIX Held_
/* plain_class of demo_server.c */
#define PROXY_CLSID_IS {0x7c2b6a3e, 0x8a4e, 0x4c6f, {0x9a, 0x3d, 0x0c, 0x1d, 0x5b, 0xe0, 0xa7, 0xfe}}
#include <objbase.h>
#include <unknwn.h>
HRESULT STDMETHODCALLTYPE IUnknown_QueryInterface_Proxy(IUnknown *This, REFIID riid, void **ppvObject);
ULONG STDMETHODCALLTYPE IUnknown_AddRef_Proxy(IUnknown *This);
ULONG STDMETHODCALLTYPE IUnknown_Release_Proxy(IUnknown *This);
