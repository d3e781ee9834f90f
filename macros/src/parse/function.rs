//! A function: its attributes, its signature, its body as tokens.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Signature, Token, Visibility};

/// A function as it was written.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// What follows a signature.
#[derive(Clone)]
pub(crate) enum Body {
    /// `{ .. }`, not parsed.
    Block(Group),
    /// `;`
    None(Token![;]),
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attrs: input.call(Attribute::parse_outer)?,
            vis: input.parse()?,
            sig: input.parse()?,
            body: if input.peek(Token![;]) {
                Body::None(input.parse()?)
            } else {
                match input.parse()? {
                    TokenTree::Group(block) => Body::Block(block),
                    other => return Err(syn::Error::new(other.span(), "expected the function's body")),
                }
            },
        })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attrs.iter().for_each(|attr| attr.to_tokens(tokens));
        self.vis.to_tokens(tokens);
        self.sig.to_tokens(tokens);
        match &self.body {
            Body::Block(block) => block.to_tokens(tokens),
            Body::None(semi) => semi.to_tokens(tokens),
        }
    }
}
